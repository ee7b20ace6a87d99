{{/* Takes name and isStateful. */}}
{{- define "slipway.scaleTarget" -}}
apiVersion: apps/v1
kind: {{ ternary "StatefulSet" "Deployment" .isStateful }}
name: {{ .name }}
{{- end -}}

{{/* All wanted builders start at once, and all that are not wanted stop after a while. Takes the settings of autoscaling of a pool. */}}
{{- define "slipway.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - { type: Pods, value: {{ .maxReplicas }}, periodSeconds: 15 }
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDownSeconds }}
  policies:
    - { type: Percent, value: 100, periodSeconds: 15 }
{{- end -}}
