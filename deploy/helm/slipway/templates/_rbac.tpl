{{/* "true" if workers call the API of Kubernetes. */}}
{{- define "slipway.needsToken" -}}
{{- if or (eq (include "slipway.watchesEndpointSlices" .) "true") .Values.rbac.podDeletionCost -}}true{{- end -}}
{{- end -}}
