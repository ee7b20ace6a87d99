{{/* Names, labels and images. */}}

{{- define "slipway.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The beginning of every object's name: the release, and the chart unless the release's name holds it. */}}
{{- define "slipway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "slipway.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "slipway.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A name of at most 52 characters, which a StatefulSet needs. A longer name ends in a hash. Takes the parts. */}}
{{- define "slipway.boundedName" -}}
{{- $name := join "-" . -}}
{{- if gt (len $name) 52 -}}
{{- printf "%s-%s" ($name | trunc 43 | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "slipway.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that never change: selectors use them. Takes root, component, and pool for builders. */}}
{{- define "slipway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "slipway.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .pool }}
slipway/pool: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of an object. Takes root, component, and pool for builders. */}}
{{- define "slipway.labels" -}}
helm.sh/chart: {{ include "slipway.chart" .root }}
{{ include "slipway.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: slipway
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod. None changes with the version of the chart: an upgrade replaces pods whose program or settings change. */}}
{{- define "slipway.podLabels" -}}
{{ include "slipway.selectorLabels" . }}
app.kubernetes.io/part-of: slipway
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The image of a service of Slipway. Takes root, service, and image, whose fields win over the common ones. */}}
{{- define "slipway.image" -}}
{{- $common := .root.Values.image -}}
{{- $own := .image | default dict -}}
{{- $repository := $own.repository | default (printf "%s/%s" $common.repository .service) -}}
{{- $registry := $common.registry -}}
{{- if $own.repository }}{{ $registry = "" }}{{ end -}}
{{- $name := ternary (printf "%s/%s" $registry $repository) $repository (ne $registry "") -}}
{{- include "slipway.reference" (dict "name" $name "tag" ($own.tag | default $common.tag | default .root.Chart.AppVersion) "digest" $own.digest) -}}
{{- end -}}

{{/* An image reference. A digest wins over the tag. Takes name, tag and digest. */}}
{{- define "slipway.reference" -}}
{{- if .digest -}}
{{- printf "%s@%s" .name .digest -}}
{{- else -}}
{{- printf "%s:%s" .name .tag -}}
{{- end -}}
{{- end -}}

{{/* The name of a component's service account. Takes root, component and serviceAccount. */}}
{{- define "slipway.serviceAccountName" -}}
{{- if .serviceAccount.create -}}
{{- .serviceAccount.name | default (include "slipway.boundedName" (list (include "slipway.fullname" .root) .component)) -}}
{{- else -}}
{{- .serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "slipway.apiName" -}}
{{- include "slipway.fullname" . }}-api
{{- end -}}

{{- define "slipway.workerName" -}}
{{- include "slipway.fullname" . }}-worker
{{- end -}}

{{/* The URL of the API inside the cluster. */}}
{{- define "slipway.apiUrl" -}}
{{- printf "%s://%s:%v" (ternary "https" "http" (ne .Values.api.tls.existingSecret "")) (include "slipway.apiName" .) .Values.api.service.port -}}
{{- end -}}
