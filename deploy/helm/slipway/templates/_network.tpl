{{/* Parts of network policies. */}}

{{/* Selects the pods of a component. Takes root, component, and pool for builders. */}}
{{- define "slipway.podsOf" -}}
matchLabels:
  {{- include "slipway.selectorLabels" . | nindent 2 }}
{{- end -}}

{{/* The port of every service for /metrics. */}}
{{- define "slipway.metricsPort" -}}9464{{- end -}}

{{/*
An egress rule. Takes to (a list of peers) and ports (a list of numbers). Without peers the rule names ports alone: a policy cannot name
hosts, and the chart does not know the address of a service outside of it.
*/}}
{{- define "slipway.egressRule" -}}
- ports:
    {{- range .ports }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* An egress rule to pods of this release. Takes root, component and port. */}}
{{- define "slipway.egressToPods" -}}
- ports:
    - { protocol: TCP, port: {{ .port }} }
  to:
    - podSelector:
        {{- include "slipway.podsOf" . | nindent 8 }}
{{- end -}}

{{/* An egress rule to public addresses: internet without closed and clusterCidrs. Takes the root. */}}
{{- define "slipway.egressToInternet" -}}
{{- $closed := concat .Values.networkPolicy.closed .Values.networkPolicy.clusterCidrs -}}
- to:
    {{- range $cidr := .Values.networkPolicy.internet }}
    {{- /* An exception must lie in its block, so IPv4 and IPv6 have their own. */}}
    {{- $except := list }}
    {{- range $closed }}
    {{- if eq (contains ":" .) (contains ":" $cidr) }}{{ $except = append $except . }}{{ end }}
    {{- end }}
    - ipBlock:
        cidr: {{ $cidr | quote }}
        {{- with $except }}
        except:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- end }}
{{- end -}}

{{/* Numbers of the ports in URLs, as a YAML list. Takes urls (text) and ports, which count when the text has none. */}}
{{- define "slipway.portsOf" -}}
{{- $ports := list -}}
{{- range regexFindAll ":[0-9]{1,5}([,/?#&]|$)" .urls -1 -}}
{{- $ports = append $ports (regexFind "[0-9]+" . | int) -}}
{{- end -}}
{{- toYaml ($ports | default .ports | uniq) -}}
{{- end -}}

{{/* Egress rules to Redis, the blob store and the collector of traces. Takes the root. */}}
{{- define "slipway.egressToStores" -}}
{{- $policy := .Values.networkPolicy -}}
# Redis
{{- if eq (include "slipway.dev.redis" .) "true" }}
{{ include "slipway.egressToPods" (dict "root" . "component" "redis" "port" 6379) }}
{{- else }}
{{- /* Sentinels and nodes of a cluster name further addresses, mostly with the usual port. */}}
{{- $ports := include "slipway.portsOf" (dict "urls" .Values.redis.url "ports" (list 6379 26379)) | fromYamlArray }}
{{- if regexMatch "^rediss?[+]" .Values.redis.url }}{{ $ports = append $ports 6379 | uniq }}{{ end }}
{{ include "slipway.egressRule" (dict "to" $policy.redis.to "ports" ($policy.redis.ports | default $ports)) }}
{{- end }}
{{- if eq (include "slipway.dev.s3" .) "true" }}
# The blob store
{{ include "slipway.egressToPods" (dict "root" . "component" "s3" "port" 7070) }}
{{- else if hasPrefix "s3:" (include "slipway.blobStore" .) }}
# The blob store
{{- $stores := printf "%s %s" .Values.blobs.store .Values.blobs.logsStore | replace "%3A" ":" }}
{{- $ports := include "slipway.portsOf" (dict "urls" ($stores | replace " " "&") "ports" (list 443)) | fromYamlArray }}
{{ include "slipway.egressRule" (dict "to" $policy.blobs.to "ports" ($policy.blobs.ports | default $ports)) }}
{{- end }}
{{- with .Values.tracing.endpoint }}
# The collector of traces
{{- $ports := include "slipway.portsOf" (dict "urls" . "ports" (list 4317 4318)) | fromYamlArray }}
{{ include "slipway.egressRule" (dict "to" $policy.tracing.to "ports" $ports) }}
{{- end }}
{{- end -}}

{{/* "true" if KEDA scales a pool. Takes the root. */}}
{{- define "slipway.usesKeda" -}}
{{- $found := false -}}
{{- range include "slipway.pools" . | fromYaml -}}
{{- if and .autoscaling.enabled (eq .autoscaling.kind "keda") }}{{ $found = true }}{{ end -}}
{{- end -}}
{{- if $found }}true{{ end -}}
{{- end -}}

{{/* The scheme of the API's ports. Takes the root. */}}
{{- define "slipway.apiScheme" -}}
{{- ternary "https" "http" (ne .Values.api.tls.existingSecret "") -}}
{{- end -}}
