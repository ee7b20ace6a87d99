{{/* Checks of values that a schema cannot explain in words. Each ends the command with the value and what to write in its place. */}}

{{/* Takes root. Returns nothing. */}}
{{- define "slipway.checkValues" -}}
{{- $values := .Values -}}
{{- range $where, $url := dict "redis.url" $values.redis.url -}}
{{- if and $url (not (regexMatch "^rediss?(\\+sentinel|\\+cluster)?://[^/]" $url)) -}}
{{- fail (printf "%s is %s. It must begin with redis://, rediss://, redis+sentinel:// or redis+cluster://." $where $url) -}}
{{- end -}}
{{- if regexMatch "://[^/@]*:[^/@]*@" $url -}}
{{- fail (printf "%s holds a password. Put the password into a Secret, and name it with redis.existingSecret." $where) -}}
{{- end -}}
{{- end -}}
{{- range $where, $store := dict "blobs.store" $values.blobs.store "blobs.logsStore" $values.blobs.logsStore -}}
{{- if and $store (not (regexMatch "^(s3://[^/?]+|file:///.)" $store)) -}}
{{- fail (printf "%s is %s. It must be s3://bucket/prefix?region=… or file:///folder." $where $store) -}}
{{- end -}}
{{- if and (hasPrefix "s3:" $store) (not (contains "region=" $store)) -}}
{{- fail (printf "%s is %s, without a region. Add ?region=…; servers without regions take us-east-1." $where $store) -}}
{{- end -}}
{{- end -}}
{{- range $where, $url := dict "publicUrl" $values.publicUrl "tracing.endpoint" $values.tracing.endpoint -}}
{{- if and $url (not (regexMatch "^https?://" $url)) -}}
{{- fail (printf "%s is %s. It must begin with https:// or http://." $where $url) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9._-]{1,64}$" $values.redis.prefix) -}}
{{- fail (printf "redis.prefix is %s. It must be 1 to 64 letters, digits, dots and dashes." $values.redis.prefix) -}}
{{- end -}}
{{- range $name, $pool := $values.pools -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$" $name) -}}
{{- fail (printf "pools has the name %s. It must be 1 to 32 lower-case letters, digits and dashes." $name) -}}
{{- end -}}
{{- range ($pool | default dict).platforms -}}
{{- if not (regexMatch "^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$" .) -}}
{{- fail (printf "pools.%s.platforms has %s. It must be like linux/amd64, linux/arm64 or linux/arm/v7." $name .) -}}
{{- end -}}
{{- end -}}
{{- $mode := dig "buildkit" "mode" "" ($pool | default dict) -}}
{{- if and (eq $mode "userns") (semverCompare "<1.33.0-0" $.Capabilities.KubeVersion.Version) -}}
{{- fail (printf "pools.%s.buildkit.mode is userns, which needs Kubernetes 1.33. This cluster has %s. Use rootless." $name $.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- $url := dig "external" "url" "" ($pool | default dict) -}}
{{- if and $url (not (regexMatch "^((https?|dns\\+http)://[^/?#]+|k8s://[a-z0-9-]+(\\?port=[a-z0-9-]+(&scheme=https?)?)?)$" $url)) -}}
{{- fail (printf "pools.%s.external.url is %s. It must be http://host:port, dns+http://name:port or k8s://service?port=http." $name $url) -}}
{{- end -}}
{{- end -}}
{{- end -}}
