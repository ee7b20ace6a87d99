{{/* The pod of a pool's builders: the builder, and a rootless BuildKit as a native sidecar. */}}

{{/* "true" if the cache is a volume claim, which Kubernetes gives to a group. Takes settings. */}}
{{- define "slipway.hasCacheClaim" -}}
{{- if ne .settings.cache.type "emptyDir" -}}true{{- end -}}
{{- end -}}

{{/* "true" where the field for AppArmor exists. Older clusters have an annotation. */}}
{{- define "slipway.hasAppArmorField" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}true{{- end -}}
{{- end -}}

{{/* The claim of a cache. Takes settings. */}}
{{- define "slipway.cacheClaim" -}}
accessModes: [ReadWriteOnce]
{{- with .settings.cache.storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests: { storage: {{ .settings.cache.size }} }
{{- end -}}

{{/* The pod template. Takes root, pool, settings. */}}
{{- define "slipway.builderPod" -}}
{{- $root := .root -}}
{{- $pool := .settings -}}
{{- $labels := dict "root" .root "component" "builder" "pool" .pool -}}
{{- $files := include "slipway.secretFiles" (dict "root" .root "service" "builder") | fromYamlArray -}}
{{- $credentials := $pool.registryCredentials.existingSecret | default .root.Values.registryCredentials.existingSecret -}}
{{- $grace := include "slipway.buildGrace" (dict "root" .root "settings" $pool) | int64 -}}
{{- $isRootless := eq $pool.buildkit.mode "rootless" -}}
{{- $env := merge
  (include "slipway.commonEnv" (dict "root" .root "port" 8081 "healthPort" 9081 "heapMegabytes" $pool.heapMegabytes) | fromYaml)
  (include "slipway.registryEnv" (dict "root" .root "credentials" $credentials) | fromYaml)
  (include "slipway.secretVariables" (dict "files" $files) | fromYaml) -}}
{{- $_ := set $env "ENGINE" "buildkit" -}}
{{- $_ := set $env "BUILDKIT_HOST" "unix:///run/buildkit/buildkitd.sock" -}}
{{- $_ := set $env "MAX_INFLIGHT" ($pool.slots | toString) -}}
{{- $_ := set $env "WORK_DIR" "/var/lib/slipway/work" -}}
{{- $_ := set $env "BUILD_TIMEOUT_MS" (include "slipway.milliseconds" .root.Values.buildTimeoutSeconds) -}}
{{- $_ := set $env "SHUTDOWN_GRACE_MS" (include "slipway.milliseconds" $grace) -}}
{{- $_ := set $env "DETACHED_BUILD_MS" (include "slipway.milliseconds" $pool.detachedBuilds.seconds) -}}
{{- $_ := set $env "BUILD_RESULT_MS" (include "slipway.milliseconds" $pool.detachedBuilds.resultSeconds) -}}
{{- $_ := set $env "BUILD_LOG_BYTES" (mul (int64 $pool.detachedBuilds.logMebibytes) 1048576 | toString) -}}
metadata:
  labels:
    {{- include "slipway.podLabels" $labels | nindent 4 }}
    {{- with $pool.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration of BuildKit replaces the pods.
    checksum/buildkitd: {{ include "slipway.buildkitConfig" (dict "root" .root "settings" $pool) | sha256sum }}
    {{- if ne (include "slipway.hasAppArmorField" .root) "true" }}
    container.apparmor.security.beta.kubernetes.io/buildkitd: unconfined
    {{- end }}
    {{- with $pool.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "slipway.serviceAccountName" (dict "root" .root "component" (printf "builder-%s" .pool) "serviceAccount" $pool.serviceAccount) }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- if not $isRootless }}
  hostUsers: false
  {{- end }}
  # A builder that is stopped finishes its builds. Then BuildKit stops, within half a minute.
  terminationGracePeriodSeconds: {{ add $grace 30 }}
  securityContext:
    {{- include "slipway.podSecurity" (dict "fsGroup" (include "slipway.hasCacheClaim" (dict "settings" $pool))) | nindent 4 }}
  {{- with include "slipway.imagePullSecrets" .root | trim }}{{ . | nindent 2 }}{{ end }}
  {{- with include "slipway.scheduling" (dict "root" .root "settings" $pool "labels" (include "slipway.selectorLabels" $labels)) | trim }}{{ . | nindent 2 }}{{ end }}
  initContainers:
    {{- if eq (include "slipway.hasCacheClaim" (dict "settings" $pool)) "true" }}
    # Folders below the root of a volume claim belong to the group of that root. In layers they must not: images would differ by the volume.
    - name: cache-folder
      image: {{ include "slipway.buildkitImage" (dict "settings" $pool) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [sh, -c, "mkdir -p /cache/buildkit && chmod 0700 /cache/buildkit && chmod g-s /cache/buildkit"]
      securityContext:
        {{- include "slipway.containerSecurity" . | nindent 8 }}
      resources:
        requests: { cpu: 10m, memory: 16Mi }
        limits: { memory: 64Mi }
      volumeMounts:
        - { name: cache, mountPath: /cache }
    {{- end }}
    # A sidecar of Kubernetes: it starts before the builder, and gets its signal after the builder has ended, so running builds finish.
    # It is reached by a socket, never over the network: build steps share its network, and the API of BuildKit asks for no password.
    - name: buildkitd
      restartPolicy: Always
      image: {{ include "slipway.buildkitImage" (dict "settings" $pool) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args:
        - --addr
        - unix:///run/user/1000/buildkit/buildkitd.sock
        - --config
        - /etc/buildkit/buildkitd.toml
        - --root
        - /home/user/.local/share/buildkit{{ if eq (include "slipway.hasCacheClaim" (dict "settings" $pool)) "true" }}/buildkit{{ end }}
        {{- if $isRootless }}
        # Pods without a user namespace have a masked /proc, so steps see the processes of other steps of this daemon.
        - --oci-worker-no-process-sandbox
        {{- else }}
        # The builder has this group.
        - --group
        - "1000"
        {{- end }}
        {{- range $pool.buildkit.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      {{- if $isRootless }}
      # What BuildKit's guide for rootless mode asks for. To make user namespaces it runs newuidmap, which is set-user-ID root.
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        seccompProfile: { type: Unconfined }
        {{- if eq (include "slipway.hasAppArmorField" .root) "true" }}
        appArmorProfile: { type: Unconfined }
        {{- end }}
      {{- else }}
      # All privileges within the user namespace of the pod, and none on the node.
      securityContext:
        privileged: true
        runAsNonRoot: false
        runAsUser: 0
        runAsGroup: 0
      {{- end }}
      startupProbe:
        exec: { command: [buildctl, --addr, "unix:///run/user/1000/buildkit/buildkitd.sock", debug, workers] }
        periodSeconds: 2
        timeoutSeconds: 10
        failureThreshold: 60
      livenessProbe:
        exec: { command: [buildctl, --addr, "unix:///run/user/1000/buildkit/buildkitd.sock", debug, workers] }
        periodSeconds: 30
        timeoutSeconds: 30
        failureThreshold: 6
      resources:
        {{- toYaml $pool.buildkit.resources | nindent 8 }}
      volumeMounts:
        - { name: socket, mountPath: /run/user/1000/buildkit }
        - { name: cache, mountPath: /home/user/.local/share/buildkit }
        - { name: buildkit-config, mountPath: /etc/buildkit, readOnly: true }
        {{- with include "slipway.caMount" .root | trim }}{{ . | nindent 8 }}{{ end }}
        {{- with $pool.buildkit.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  containers:
    - name: builder
      image: {{ include "slipway.image" (dict "root" .root "service" "builder" "image" $pool.image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext:
        {{- include "slipway.containerSecurity" . | nindent 8 }}
      ports:
        - { name: http, containerPort: 8081 }
        - { name: health, containerPort: 9081 }
        - { name: metrics, containerPort: 9464 }
      env:
        {{- with include "slipway.env" (dict "env" $env "settings" (list (dict "where" "settings" "values" $root.Values.settings) (dict "where" (printf "pools.%s.settings" .pool) "values" $pool.settings)) "extra" $pool.extraEnv) | trim }}{{ . | nindent 8 }}{{ end }}
      {{- include "slipway.probes" dict | nindent 6 }}
      resources:
        {{- toYaml $pool.resources | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        # Opened build secrets, which never reach a disk.
        - { name: shm, mountPath: /dev/shm }
        - { name: secrets, mountPath: /run/secrets/slipway, readOnly: true }
        - { name: socket, mountPath: /run/buildkit }
        - { name: work, mountPath: /var/lib/slipway/work }
        {{- with include "slipway.caMount" .root | trim }}{{ . | nindent 8 }}{{ end }}
        {{- with include "slipway.dockerConfigMount" (dict "credentials" $credentials) | trim }}{{ . | nindent 8 }}{{ end }}
        {{- with $pool.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "slipway.temporaryVolume" .root | nindent 4 }}
    {{- include "slipway.secretsVolume" (dict "files" $files) | nindent 4 }}
    - name: shm
      emptyDir: { medium: Memory, sizeLimit: 64Mi }
    - name: socket
      emptyDir: { medium: Memory, sizeLimit: 1Mi }
    - name: work
      emptyDir: { sizeLimit: {{ $pool.workSize }} }
    - name: buildkit-config
      configMap: { name: {{ include "slipway.builderName" (dict "root" .root "pool" .pool) }} }
    {{- if eq $pool.cache.type "emptyDir" }}
    - name: cache
      emptyDir: { sizeLimit: {{ $pool.cache.size }} }
    {{- else if eq $pool.cache.type "ephemeral" }}
    - name: cache
      ephemeral:
        volumeClaimTemplate:
          metadata:
            labels:
              {{- include "slipway.selectorLabels" $labels | nindent 14 }}
          spec:
            {{- include "slipway.cacheClaim" (dict "settings" $pool) | nindent 12 }}
    {{- end }}
    {{- with include "slipway.caVolume" .root | trim }}{{ . | nindent 4 }}{{ end }}
    {{- with include "slipway.dockerConfigVolume" (dict "credentials" $credentials) | trim }}{{ . | nindent 4 }}{{ end }}
    {{- with $pool.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Takes settings. */}}
{{- define "slipway.buildkitImage" -}}
{{- $image := .settings.buildkit.image -}}
{{- $tag := eq .settings.buildkit.mode "userns" | ternary (trimSuffix "-rootless" $image.tag) $image.tag -}}
{{- include "slipway.reference" (dict "name" $image.repository "tag" $tag "digest" $image.digest) -}}
{{- end -}}
