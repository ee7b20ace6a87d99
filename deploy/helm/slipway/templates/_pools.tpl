{{/* Pools: their settings, names, and how workers find their replicas. */}}

{{/* The pools as YAML: name → settings, with poolDefaults below them. Pools that are switched off are left out. */}}
{{- define "slipway.pools" -}}
{{- $pools := dict -}}
{{- range $name, $pool := .Values.pools -}}
{{- $full := mergeOverwrite (deepCopy $.Values.poolDefaults) (deepCopy ($pool | default dict)) -}}
{{- if $full.enabled -}}
{{- if and (eq $full.kind "external") (not $full.external.url) -}}
{{- fail (printf "pools.%s.external.url is empty. Name the builders of this pool, such as dns+http://pro-builder.openfaas:8080." $name) -}}
{{- end -}}
{{- if and (eq $full.kind "slipway") $full.external.url -}}
{{- fail (printf "pools.%s has external.url, but its kind is slipway. Set kind: external, or remove the URL." $name) -}}
{{- end -}}
{{- $_ := set $pools $name $full -}}
{{- end -}}
{{- end -}}
{{- if not $pools -}}
{{- fail "pools has no pool that is enabled. Workers need at least one." -}}
{{- end -}}
{{- toYaml $pools -}}
{{- end -}}

{{/* The name of a pool's builders, service and configuration. Takes root and pool. */}}
{{- define "slipway.builderName" -}}
{{- include "slipway.boundedName" (list (include "slipway.fullname" .root) "builder" .pool) -}}
{{- end -}}

{{/* BUILDERS of the workers: one entry for each pool. */}}
{{- define "slipway.builders" -}}
{{- $entries := list -}}
{{- range $name, $pool := include "slipway.pools" . | fromYaml -}}
{{- $settings := list (printf "pool=%s" $name) -}}
{{- if $pool.slots }}{{ $settings = append $settings (printf "max=%v" $pool.slots) }}{{ end -}}
{{- if $pool.platforms }}{{ $settings = append $settings (printf "platforms=%s" (join "+" $pool.platforms)) }}{{ end -}}
{{- $url := printf "k8s://%s?port=http" (include "slipway.builderName" (dict "root" $ "pool" $name)) -}}
{{- if eq $pool.kind "external" }}{{ $url = $pool.external.url }}{{ end -}}
{{- $entries = append $entries (printf "%s#%s" $url (join "&" $settings)) -}}
{{- end -}}
{{- join "," $entries -}}
{{- end -}}

{{/* POOLS of the workers: every pool, also one without builders, and in how many seconds its queue is to drain. */}}
{{- define "slipway.declaredPools" -}}
{{- $entries := list -}}
{{- range $name, $pool := include "slipway.pools" . | fromYaml -}}
{{- $settings := list (printf "drain=%v" $pool.drainTargetSeconds) -}}
{{- if $pool.slots }}{{ $settings = append $settings (printf "max=%v" $pool.slots) }}{{ end -}}
{{- if $pool.platforms }}{{ $settings = append $settings (printf "platforms=%s" (join "+" $pool.platforms)) }}{{ end -}}
{{- $entries = append $entries (printf "%s#%s" $name (join "&" $settings)) -}}
{{- end -}}
{{- join "," $entries -}}
{{- end -}}

{{/* "true" if workers read EndpointSlices of this namespace. */}}
{{- define "slipway.watchesEndpointSlices" -}}
{{- if regexMatch "(^|,)k8s://" (include "slipway.builders" .) -}}true{{- end -}}
{{- end -}}

{{/* Hosts of registries that speak plain HTTP, as a YAML list. */}}
{{- define "slipway.insecureRegistries" -}}
{{- $hosts := .Values.registries.insecure -}}
{{- if eq (include "slipway.dev.registry" .) "true" -}}
{{- $hosts = append $hosts (include "slipway.dev.registryHost" .) -}}
{{- end -}}
{{- toYaml ($hosts | uniq) -}}
{{- end -}}

{{/* The configuration of a pool's BuildKit. Takes root and settings. */}}
{{- define "slipway.buildkitConfig" -}}
{{- $registries := .root.Values.registries -}}
{{- $insecure := include "slipway.insecureRegistries" .root | fromYamlArray -}}
{{- $hosts := concat $insecure (keys $registries.mirrors) $registries.privateCaHosts | uniq | sortAlpha -}}
# No records of past builds: they would hold on the disk what steps print, unmasked, even a secret.
[history]
  maxEntries = 0

[worker.oci]
  gc = true
  maxUsedSpace = {{ .settings.buildkit.maxUsedSpace | quote }}
{{- range $hosts }}

[registry.{{ . | quote }}]
{{- if has . $insecure }}
  http = true
{{- end }}
{{- if has . $registries.privateCaHosts }}
  ca = ["/etc/slipway/ca/ca.crt"]
{{- end }}
{{- with get $registries.mirrors . }}
  mirrors = {{ toJson . }}
{{- end }}
{{- end }}
{{- with .settings.buildkit.extraConfig }}

{{ . | trim }}
{{- end }}
{{- end -}}
