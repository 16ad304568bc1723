{{/* The name of everything in this release. */}}
{{- define "chasqui.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "chasqui" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-chasqui" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a role; never changes between versions. (dict "root" . "role" "worker") */}}
{{- define "chasqui.selector" -}}
app.kubernetes.io/name: chasqui
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{/* The labels of an object of a role. (dict "root" . "role" "worker") */}}
{{- define "chasqui.labels" -}}
{{ include "chasqui.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image: by its digest where there is one. (dict "image" .Values.image "tag" "0.1.0") */}}
{{- define "chasqui.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .tag .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The roles that run, as a JSON list; each has a section of the values. */}}
{{- define "chasqui.roles" -}}
{{- $roles := list "worker" -}}
{{- if .Values.discord.enabled -}}
{{- $roles = append $roles "discord" -}}
{{- end -}}
{{- if .Values.slack.enabled -}}
{{- $roles = append $roles "slack" -}}
{{- end -}}
{{- toJson $roles -}}
{{- end -}}

{{/* Each of these ends the rendering with a sentence that says what to set. */}}
{{- define "chasqui.check" -}}
{{- if not .Values.image.repository -}}
{{- fail "Set image.repository to the registry and the name under which you pushed the image of chasqui." -}}
{{- end -}}
{{- if not (or .Values.discord.enabled .Values.slack.enabled) -}}
{{- fail "No platform is enabled, so there is nobody to talk to. Set discord.enabled or slack.enabled to true." -}}
{{- end -}}
{{- if not (or .Values.redis.url .Values.redis.urlInSecret .Values.valkey.enabled) -}}
{{- fail "There is no store. Set redis.url, or redis.urlInSecret to true, or for a trial valkey.enabled to true." -}}
{{- end -}}
{{- if not (or .Values.backend.urls .Values.tgi.enabled) -}}
{{- fail "There is no model. Set backend.urls to your model servers, or for a trial tgi.enabled to true." -}}
{{- end -}}
{{- if not (or .Values.secrets.existingSecret .Values.secrets.directory .Values.secrets.values) -}}
{{- fail "There are no tokens. Set secrets.existingSecret, secrets.directory or, for a trial, secrets.values." -}}
{{- end -}}
{{- if regexMatch "//[^/]*@" .Values.redis.url -}}
{{- fail "redis.url holds a password, and stands in a ConfigMap. Put the address into the Secret as `redis-url`, and set redis.urlInSecret to true instead." -}}
{{- end -}}
{{- if not (or .Values.secrets.existingSecret .Values.secrets.directory) -}}
{{- range include "chasqui.secretKeys" (dict "root" . "role" "doctor") | fromJson -}}
{{- if not (get $.Values.secrets.values .) -}}
{{- fail (printf "secrets.values lacks %s. Set it, or name what has it in secrets.existingSecret or secrets.directory." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled .Values.slack.autoscaling.enabled) (not (and .Values.slack.enabled (eq .Values.slack.mode "http"))) -}}
{{- fail "An Ingress, an HTTPRoute and autoscaling of the gateway are for Slack's HTTP mode. Set slack.enabled to true and slack.mode to http." -}}
{{- end -}}
{{- range $role, $scaled := dict "worker" (ne .Values.worker.autoscaling.type "none") "slack" .Values.slack.autoscaling.enabled -}}
{{- $bounds := index $.Values $role "autoscaling" -}}
{{- if and $scaled (gt (int $bounds.min) (int $bounds.max)) -}}
{{- fail (printf "%s.autoscaling.min is more than its max. Let max be the larger one." $role) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.embeddings.keyInSecret (not (dig "embeddings" "url" "" .Values.settings)) -}}
{{- fail "There is a key for an embeddings server, but no server. Set settings.embeddings.url to its address." -}}
{{- end -}}
{{- if and .Values.embeddings.rerankKeyInSecret (not (dig "embeddings" "rerank_url" "" .Values.settings)) -}}
{{- fail "There is a key for a reranker, but no reranker. Set settings.embeddings.rerank_url to its address." -}}
{{- end -}}
{{- if and (eq .Values.worker.autoscaling.type "keda") (not .Values.worker.autoscaling.prometheus) -}}
{{- fail "KEDA reads the inbox from Prometheus. Set worker.autoscaling.prometheus to its address." -}}
{{- end -}}
{{- end -}}

{{/* The store's address, where it is no secret. */}}
{{- define "chasqui.redisUrl" -}}
{{- if .Values.redis.url -}}
{{- .Values.redis.url -}}
{{- else if and .Values.valkey.enabled (not .Values.redis.urlInSecret) -}}
{{- printf "redis://%s-valkey:6379/0" (include "chasqui.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* The model servers, as a JSON list. */}}
{{- define "chasqui.backendUrls" -}}
{{- $urls := .Values.backend.urls -}}
{{- if and .Values.tgi.enabled (not $urls) -}}
{{- $urls = list (printf "http://%s-tgi:8080" (include "chasqui.fullname" .)) -}}
{{- end -}}
{{- toJson $urls -}}
{{- end -}}

{{/* The keys of the Secret that a role may read, as JSON: variable to key. The doctor looks at what every role needs. (dict "root" . "role" "worker") */}}
{{- define "chasqui.secretKeys" -}}
{{- $values := .root.Values -}}
{{- $keys := dict -}}
{{- $works := has .role (list "worker" "doctor") -}}
{{- $listens := and $values.slack.enabled (has .role (list "slack" "doctor")) -}}
{{- if and $values.discord.enabled (or $works (eq .role "discord")) -}}
{{- $_ := set $keys "CHASQUI_DISCORD__TOKEN_FILE" "discord-token" -}}
{{- end -}}
{{- if and $values.slack.enabled (or $works (eq .role "slack")) -}}
{{- $_ := set $keys "CHASQUI_SLACK__BOT_TOKEN_FILE" "slack-bot-token" -}}
{{- end -}}
{{- if and $listens (eq $values.slack.mode "socket") -}}
{{- $_ := set $keys "CHASQUI_SLACK__APP_TOKEN_FILE" "slack-app-token" -}}
{{- end -}}
{{- if and $listens (eq $values.slack.mode "http") -}}
{{- $_ := set $keys "CHASQUI_SLACK__SIGNING_SECRET_FILE" "slack-signing-secret" -}}
{{- end -}}
{{- if $values.redis.urlInSecret -}}
{{- $_ := set $keys "CHASQUI_REDIS__URL_FILE" "redis-url" -}}
{{- end -}}
{{- if and $works $values.backend.keyInSecret -}}
{{- $_ := set $keys (eq $values.backend.keyInSecret "backend-api-key" | ternary "CHASQUI_BACKEND__API_KEY_FILE" "CHASQUI_BACKEND__API_KEYS_FILE") $values.backend.keyInSecret -}}
{{- end -}}
{{- if $values.embeddings.keyInSecret -}}
{{- $_ := set $keys "CHASQUI_EMBEDDINGS__API_KEY_FILE" "embeddings-api-key" -}}
{{- end -}}
{{- if $values.embeddings.rerankKeyInSecret -}}
{{- $_ := set $keys "CHASQUI_EMBEDDINGS__RERANK_API_KEY_FILE" "rerank-api-key" -}}
{{- end -}}
{{- toJson $keys -}}
{{- end -}}

{{/* The addresses that a role asks besides the store and the platforms, as JSON: embeddings server and reranker, with which gateways answer `/kb search` too; models, which workers alone ask. (dict "root" . "role" "worker") */}}
{{- define "chasqui.servers" -}}
{{- $settings := .root.Values.settings -}}
{{- $urls := list -}}
{{- if eq .role "worker" -}}
{{- $urls = include "chasqui.backendUrls" .root | fromJsonArray -}}
{{- range dig "backend" "others" dict $settings -}}
{{- $urls = concat $urls .urls -}}
{{- end -}}
{{- end -}}
{{- range list "url" "rerank_url" -}}
{{- with dig "embeddings" . "" $settings -}}
{{- $urls = append $urls . -}}
{{- end -}}
{{- end -}}
{{- toJson $urls -}}
{{- end -}}

{{/* Seconds until a pod is killed: a worker's answers may end first. */}}
{{- define "chasqui.grace" -}}
{{- $worker := default dict .Values.settings.worker -}}
{{- add 30 (int (default 60 $worker.grace_seconds)) -}}
{{- end -}}

{{/* Restricted Pod Security, for every pod of the chart. (dict "root" . "user" 10001) */}}
{{- define "chasqui.podSecurity" -}}
runAsNonRoot: true
{{- if .root.Values.securityContext.pinUser }}
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "chasqui.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where the pods of the chart go. */}}
{{- define "chasqui.scheduling" -}}
{{- with .Values.pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The variables of a role's container. (dict "root" . "role" "worker") */}}
{{- define "chasqui.env" -}}
{{- range $variable, $key := include "chasqui.secretKeys" . | fromJson }}
- name: {{ $variable }}
  value: {{ printf "%s/%s" (default "/run/secrets/chasqui" $.root.Values.secrets.directory) $key }}
{{- end }}
{{- with .root.Values.pod.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What a role's container mounts. (dict "root" . "role" "worker") */}}
{{- define "chasqui.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /data}
{{- if not .root.Values.secrets.directory }}
- {name: secrets, mountPath: /run/secrets/chasqui, readOnly: true}
{{- end }}
{{- with .root.Values.pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The volumes of a role's pod. (dict "root" . "role" "worker") */}}
{{- define "chasqui.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
- name: data
  emptyDir: {sizeLimit: 256Mi}
{{- if not .root.Values.secrets.directory }}
- name: secrets
  secret:
    secretName: {{ default (include "chasqui.fullname" .root) .root.Values.secrets.existingSecret }}
    defaultMode: 0440
    items:
{{- range $variable, $key := include "chasqui.secretKeys" . | fromJson }}
      - {key: {{ $key }}, path: {{ $key }}}
{{- end }}
{{- end }}
{{- with .root.Values.pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
