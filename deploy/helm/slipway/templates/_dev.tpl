{{/* The parts of a trial installation, and where Slipway finds Redis and the blob store. */}}

{{- define "slipway.dev.redis" -}}
{{- if and .Values.dev.enabled .Values.dev.redis.enabled -}}true{{- end -}}
{{- end -}}

{{- define "slipway.dev.registry" -}}
{{- if and .Values.dev.enabled .Values.dev.registry.enabled -}}true{{- end -}}
{{- end -}}

{{- define "slipway.dev.s3" -}}
{{- if and .Values.dev.enabled .Values.dev.s3.enabled -}}true{{- end -}}
{{- end -}}

{{- define "slipway.dev.registryHost" -}}
{{- printf "%s-registry:5000" (include "slipway.fullname" .) -}}
{{- end -}}

{{- define "slipway.dev.secretName" -}}
{{- include "slipway.fullname" . }}-dev
{{- end -}}

{{- define "slipway.redisUrl" -}}
{{- if eq (include "slipway.dev.redis" .) "true" -}}
{{- printf "redis://slipway@%s-redis:6379" (include "slipway.fullname" .) -}}
{{- else if not .Values.redis.urlKey -}}
{{- required "redis.url is empty. Name your Redis, such as redis://slipway@redis.example:6379, or set dev.enabled=true to try Slipway." .Values.redis.url -}}
{{- end -}}
{{- end -}}

{{- define "slipway.blobStore" -}}
{{- if eq (include "slipway.dev.s3" .) "true" -}}
{{- printf "s3://slipway?region=us-east-1&endpoint=http://%s-s3:7070&path_style=true" (include "slipway.fullname" .) -}}
{{- else -}}
{{- $store := required "blobs.store is empty. Name a bucket, such as s3://builds?region=eu-central-1, or set dev.enabled=true to try Slipway." .Values.blobs.store -}}
{{- if and (hasPrefix "file:" $store) (not .Values.blobs.existingClaim) -}}
{{- fail (printf "blobs.store is %s, but blobs.existingClaim is empty. Name a volume claim that all API and worker pods can mount." $store) -}}
{{- end -}}
{{- $store -}}
{{- end -}}
{{- end -}}

{{/* The commands that docs/redis-users.acl allows. */}}
{{- define "slipway.redisCommands" -}}
-@all +@connection +@read +@write +@transaction +@scripting +@pubsub -@admin -@dangerous +info +time +acl|getuser +cluster|slots -scan -randomkey -dbsize -script|flush -script|kill -function -fcall -fcall_ro
{{- end -}}

{{/* The volume of a part's data. Takes root, name and size. */}}
{{- define "slipway.dev.volume" -}}
- name: data
{{- if .root.Values.dev.persistence.enabled }}
  persistentVolumeClaim: { claimName: {{ .name }} }
{{- else }}
  emptyDir: { sizeLimit: {{ .size }} }
{{- end }}
{{- end -}}

{{/* The claim of a part's data, if volumes persist. Takes root, component, name and size. */}}
{{- define "slipway.dev.claim" -}}
{{- if .root.Values.dev.persistence.enabled -}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  labels:
    {{- include "slipway.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes: [ReadWriteOnce]
  {{- with .root.Values.dev.persistence.storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: { storage: {{ .size }} }
{{- end -}}
{{- end -}}

{{/* The pod's user. A volume claim belongs to its group. Takes root and user. */}}
{{- define "slipway.dev.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- if .root.Values.dev.persistence.enabled }}
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end -}}
