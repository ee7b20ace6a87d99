{{/* Environment variables of the services. None holds a secret: those are files. */}}

{{/* A value of a setting as text. Whole numbers stay whole. */}}
{{- define "slipway.settingText" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end -}}

{{/*
A list of variables. Takes env (a map that the chart makes), settings (a list of where and values, the last wins) and
extra (a list as Kubernetes has it).
*/}}
{{- define "slipway.env" -}}
{{- $all := deepCopy .env -}}
{{- $env := .env -}}
{{- range $settings := .settings -}}
{{- range $name, $value := $settings.values -}}
{{- if not (regexMatch "^[A-Z][A-Z0-9_]*$" $name) -}}
{{- fail (printf "%s has %s. Settings have names like LOG_LEVEL: docs/operations/settings.md lists them." $settings.where $name) -}}
{{- end -}}
{{- if hasKey $env $name -}}
{{- fail (printf "%s has %s, which the chart sets from other values. Remove it there." $settings.where $name) -}}
{{- end -}}
{{- if regexMatch "(SECRET|SECRET_PREVIOUS|TOKEN|TOKENS|PASSWORD|KEY|HEADERS)$" $name -}}
{{- fail (printf "%s has %s, which is a secret. Put it into a Secret, and name its key below secrets." $settings.where $name) -}}
{{- end -}}
{{- $_ := set $all $name (include "slipway.settingText" $value) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range .extra }}
- {{ toYaml . | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{/* Variables of all services, as a YAML map. Takes root, port, healthPort and heapMegabytes. */}}
{{- define "slipway.commonEnv" -}}
PORT: {{ .port | quote }}
HEALTH_PORT: {{ .healthPort | quote }}
METRICS_PORT: "9464"
NODE_OPTIONS: "--max-old-space-size={{ .heapMegabytes }}"
{{- with .root.Values.certificateAuthority.existingConfigMap }}
NODE_EXTRA_CA_CERTS: /etc/slipway/ca/ca.crt
{{- end }}
{{- with .root.Values.tracing }}
{{- if .endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .endpoint | quote }}
{{- with .protocol }}
OTEL_EXPORTER_OTLP_PROTOCOL: {{ . | quote }}
{{- end }}
{{- with .resourceAttributes }}
OTEL_RESOURCE_ATTRIBUTES: {{ . | quote }}
{{- end }}
{{- with .sampler }}
OTEL_TRACES_SAMPLER: {{ . | quote }}
{{- end }}
{{- with .samplerArgument }}
OTEL_TRACES_SAMPLER_ARG: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Variables of API and workers: Redis, blobs, addresses. A YAML map. Takes root. */}}
{{- define "slipway.storeEnv" -}}
{{- with include "slipway.redisUrl" .root }}
REDIS_URL: {{ . | quote }}
{{- end }}
REDIS_PREFIX: {{ .root.Values.redis.prefix | quote }}
{{- with .root.Values.redis.sentinelUser }}
REDIS_SENTINEL_USER: {{ . | quote }}
{{- end }}
BLOB_STORE: {{ include "slipway.blobStore" .root | quote }}
{{- with .root.Values.blobs.logsStore }}
BLOB_STORE_LOGS: {{ . | quote }}
{{- end }}
BLOB_TEMPORARY_DIR: /var/lib/slipway/spool
{{- with .root.Values.egressAllow }}
EGRESS_ALLOW: {{ join "," . | quote }}
{{- end }}
{{- with .root.Values.publicUrl }}
PUBLIC_URL: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Variables of registries, for workers and builders. A YAML map. Takes root and credentials, the name of a Secret. */}}
{{- define "slipway.registryEnv" -}}
{{- with include "slipway.insecureRegistries" .root | fromYamlArray }}
INSECURE_REGISTRIES: {{ join "," . | quote }}
{{- end }}
{{- with .credentials }}
DOCKER_CONFIG: /etc/slipway/docker
{{- end }}
{{- end -}}

{{/* Milliseconds. Takes seconds. */}}
{{- define "slipway.milliseconds" -}}
{{- mul (int64 .) 1000 -}}
{{- end -}}

{{/*
The grace time of a process with builds, in seconds: that of its values, or longer than the longest build. Its pod gets half a minute more.
Takes root, and settings of the worker or pool.
*/}}
{{- define "slipway.buildGrace" -}}
{{- if .settings.shutdownGraceSeconds -}}
{{- int64 .settings.shutdownGraceSeconds -}}
{{- else -}}
{{- add (int64 .root.Values.buildTimeoutSeconds) 60 -}}
{{- end -}}
{{- end -}}
