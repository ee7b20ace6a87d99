{{/* Files with secrets: which Secret and key each has, and how pods mount them. */}}

{{/*
The file of a secret as YAML: env, file, secret and key; nothing if the values name none.
Takes root, env, file, entry (existingSecret and key), and fallback, the Secret of entries that name none.
*/}}
{{- define "slipway.secretFile" -}}
{{- if .entry.key -}}
{{- $secret := .entry.existingSecret | default .fallback -}}
{{- if not $secret -}}
{{- fail (printf "secrets.existingSecret is empty, and %s needs the key %s. Create a Secret and name it, or set dev.enabled=true to try Slipway." .env .entry.key) -}}
{{- end -}}
- env: {{ .env }}
  file: {{ .file }}
  secret: {{ $secret }}
  key: {{ .entry.key }}
{{ end -}}
{{- end -}}

{{/* The Secret of entries that name none: secrets.existingSecret, or the one of a trial installation. */}}
{{- define "slipway.mainSecret" -}}
{{- if .Values.secrets.existingSecret -}}
{{- .Values.secrets.existingSecret -}}
{{- else if .Values.dev.enabled -}}
{{- include "slipway.dev.secretName" . -}}
{{- end -}}
{{- end -}}

{{/* Secrets that all services read. Takes root. */}}
{{- define "slipway.commonSecretFiles" -}}
{{- $secrets := .root.Values.secrets -}}
{{- $main := include "slipway.mainSecret" .root -}}
{{- include "slipway.secretFile" (dict "env" "PAYLOAD_SECRET_FILE" "file" "payload-secret" "entry" $secrets.payloadSecret "fallback" $main) -}}
{{- include "slipway.secretFile" (dict "env" "PAYLOAD_SECRET_PREVIOUS_FILE" "file" "payload-secret-previous" "entry" $secrets.payloadSecretPrevious "fallback" $main) -}}
{{- if .root.Values.tracing.endpoint -}}
{{- include "slipway.secretFile" (dict "env" "OTEL_EXPORTER_OTLP_HEADERS_FILE" "file" "tracing-headers" "entry" $secrets.tracingHeaders "fallback" $main) -}}
{{- end -}}
{{- end -}}

{{/* Secrets of Redis and of the blob store, for API and workers. Takes root. */}}
{{- define "slipway.storeSecretFiles" -}}
{{- $redis := .root.Values.redis -}}
{{- $blobs := .root.Values.blobs -}}
{{- $dev := include "slipway.dev.secretName" .root -}}
{{- if eq (include "slipway.dev.redis" .root) "true" -}}
{{- include "slipway.secretFile" (dict "env" "REDIS_PASSWORD_FILE" "file" "redis-password" "entry" (dict "key" "redis-password" "existingSecret" $dev)) -}}
{{- else -}}
{{- range $file := list (dict "env" "REDIS_URL_FILE" "file" "redis-url" "key" $redis.urlKey) (dict "env" "REDIS_PASSWORD_FILE" "file" "redis-password" "key" $redis.passwordKey) (dict "env" "REDIS_SENTINEL_PASSWORD_FILE" "file" "redis-sentinel-password" "key" $redis.sentinelPasswordKey) -}}
{{- if and $file.key $redis.existingSecret -}}
{{- include "slipway.secretFile" (dict "env" $file.env "file" $file.file "entry" (dict "key" $file.key "existingSecret" $redis.existingSecret)) -}}
{{- end -}}
{{- end -}}
{{- with $redis.tls.existingSecret -}}
{{- range $file := list (dict "env" "REDIS_CA_FILE" "file" "redis-ca.crt" "key" $redis.tls.caKey) (dict "env" "REDIS_CERT_FILE" "file" "redis-tls.crt" "key" $redis.tls.certKey) (dict "env" "REDIS_KEY_FILE" "file" "redis-tls.key" "key" $redis.tls.keyKey) -}}
{{- include "slipway.secretFile" (dict "env" $file.env "file" $file.file "entry" (dict "key" $file.key "existingSecret" $redis.tls.existingSecret)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (include "slipway.dev.s3" .root) "true" -}}
{{- include "slipway.secretFile" (dict "env" "AWS_SHARED_CREDENTIALS_FILE" "file" "s3-credentials" "entry" (dict "key" "s3-credentials" "existingSecret" $dev)) -}}
{{- else if $blobs.existingSecret -}}
{{- include "slipway.secretFile" (dict "env" "AWS_SHARED_CREDENTIALS_FILE" "file" "s3-credentials" "entry" (dict "key" $blobs.credentialsKey "existingSecret" $blobs.existingSecret)) -}}
{{- end -}}
{{- end -}}

{{/* The files of a service as a YAML list. Takes root and service, and existing code paths pass nothing else. */}}
{{- define "slipway.secretFiles" -}}
{{- $secrets := .root.Values.secrets -}}
{{- $main := include "slipway.mainSecret" .root -}}
{{- include "slipway.commonSecretFiles" . -}}
{{- if eq .service "api" -}}
{{- include "slipway.secretFile" (dict "env" "API_TOKEN_FILE" "file" "api-token" "entry" $secrets.apiToken "fallback" $main) -}}
{{- include "slipway.secretFile" (dict "env" "REGISTRY_EVENTS_TOKENS_FILE" "file" "registry-events-tokens" "entry" $secrets.registryEventsTokens "fallback" $main) -}}
{{- include "slipway.secretFile" (dict "env" "GIT_CREDENTIALS_FILE" "file" "git-credentials.json" "entry" $secrets.gitCredentials "fallback" $main) -}}
{{- end -}}
{{- if eq .service "worker" -}}
{{- include "slipway.secretFile" (dict "env" "WEBHOOK_SECRET_FILE" "file" "webhook-secret" "entry" $secrets.webhookSecret "fallback" $main) -}}
{{- include "slipway.secretFile" (dict "env" "WEBHOOK_TOKENS_FILE" "file" "webhook-tokens" "entry" $secrets.webhookTokens "fallback" $main) -}}
{{- end -}}
{{- if eq .service "builder" -}}
{{- include "slipway.secretFile" (dict "env" "BUILD_SECRETS_PRIVATE_KEY_FILE" "file" "build-secrets-key" "entry" $secrets.buildSecretsKey "fallback" $main) -}}
{{- else -}}
{{- include "slipway.storeSecretFiles" . -}}
{{- end -}}
{{- end -}}

{{/* One volume with all files of a service. Takes files, the list of `slipway.secretFiles`. */}}
{{- define "slipway.secretsVolume" -}}
- name: secrets
  projected:
    # Every process of the pod has one user, and the files belong to root.
    defaultMode: 0444
    sources:
      {{- range .files }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .file }}
      {{- end }}
{{- end -}}

{{/* Variables that name the files. Takes files. Returns a YAML map. */}}
{{- define "slipway.secretVariables" -}}
{{- range .files }}
{{ .env }}: /run/secrets/slipway/{{ .file }}
{{- end }}
{{- end -}}
