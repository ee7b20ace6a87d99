{{/* What pods and containers have in common. */}}

{{/* Nothing of Slipway needs root, capabilities or a root file system that can be written. */}}
{{- define "slipway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Takes fsGroup, true if a volume claim is mounted. */}}
{{- define "slipway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- if .fsGroup }}
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end -}}

{{/* Checks of a service on its port for health. Takes scheme, and readyPath. */}}
{{- define "slipway.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: health, scheme: {{ .scheme | default "HTTP" }} }
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: health, scheme: {{ .scheme | default "HTTP" }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: health, scheme: {{ .scheme | default "HTTP" }} }
  periodSeconds: 3
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* Where a pod runs. Takes root, settings, and labels of the component for the spread over nodes and zones. */}}
{{- define "slipway.scheduling" -}}
{{- with .settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .settings.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if .settings.topologySpreadConstraints }}
  {{- toYaml .settings.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $.labels | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "slipway.imagePullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Small files in memory. */}}
{{- define "slipway.temporaryVolume" -}}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 64Mi }
{{- end -}}

{{/* The credentials of registries, as config.json. Takes credentials, the name of a Secret. */}}
{{- define "slipway.dockerConfigVolume" -}}
{{- with .credentials }}
- name: docker-config
  secret:
    secretName: {{ . }}
    defaultMode: 0444
    items: [{ key: .dockerconfigjson, path: config.json }]
{{- end }}
{{- end -}}

{{- define "slipway.dockerConfigMount" -}}
{{- with .credentials }}
- name: docker-config
  mountPath: /etc/slipway/docker
  readOnly: true
{{- end }}
{{- end -}}

{{- define "slipway.caVolume" -}}
{{- with .Values.certificateAuthority.existingConfigMap }}
- name: certificate-authority
  configMap:
    name: {{ . }}
    items: [{ key: {{ $.Values.certificateAuthority.key }}, path: ca.crt }]
{{- end }}
{{- end -}}

{{- define "slipway.caMount" -}}
{{- with .Values.certificateAuthority.existingConfigMap }}
- name: certificate-authority
  mountPath: /etc/slipway/ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* The folder of blobs, for stores that are files. */}}
{{- define "slipway.blobsVolume" -}}
{{- with .Values.blobs.existingClaim }}
- name: blobs
  persistentVolumeClaim: { claimName: {{ . }} }
{{- end }}
{{- end -}}

{{- define "slipway.blobsMount" -}}
{{- if .Values.blobs.existingClaim }}
- name: blobs
  mountPath: {{ get (urlParse (include "slipway.blobStore" .)) "path" }}
{{- end }}
{{- end -}}
