{{/* The server's environment. */}}
{{- define "roster.env" -}}
{{- if .Values.fdStore.enabled -}}
- name: ROSTER_FD_STORE
  value: roster
{{ end -}}
{{- if eq .Values.database.kind "sqlite" -}}
- name: ROSTER_DATABASE_URL
  value: sqlite:/data/roster.db
{{- else -}}
- name: ROSTER_DATABASE_URL_FILE
  value: /run/secrets/roster/database-url
{{- end }}
- name: ROSTER_DATABASE_CONNECTIONS
  value: {{ .Values.database.connections | quote }}
- name: ROSTER_MIGRATE
  value: {{ ternary "auto" "off" (eq .Values.database.kind "sqlite") | quote }}
- name: ROSTER_BOOTSTRAP_TOKEN_FILE
  value: /run/secrets/roster/first-token
- name: ROSTER_IDLE_TIMEOUT
  value: {{ .Values.idleTimeout | quote }}
- name: ROSTER_DRAIN_SECONDS
  value: {{ .Values.drainSeconds | quote }}
- name: ROSTER_SHUTDOWN_SECONDS
  value: {{ .Values.shutdownSeconds | quote }}
{{- if .Values.tls.enabled }}
- name: ROSTER_TLS_CERT
  value: /run/secrets/tls/tls.crt
- name: ROSTER_TLS_KEY
  value: /run/secrets/tls/tls.key
{{- end }}
{{- if .Values.clusterIssuer.enabled }}
- name: ROSTER_OIDC_ISSUERS_FILE
  value: /etc/roster/issuers.toml
{{- end }}
{{- /* The first two are ours unless somebody knows better. */ -}}
{{- range $name, $value := merge (dict) .Values.settings (dict "ROSTER_DATABASE_WAIT" "0" "ROSTER_LOG_FORMAT" "json") }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "roster.mounts" -}}
- name: secrets
  mountPath: /run/secrets/roster
  readOnly: true
{{- include "roster.authorityMount" . }}
{{- if .Values.tls.enabled }}
- name: tls
  mountPath: /run/secrets/tls
  readOnly: true
{{- end }}
{{- if .Values.clusterIssuer.enabled }}
- name: issuers
  mountPath: /etc/roster
  readOnly: true
- name: cluster
  mountPath: /run/secrets/cluster
  readOnly: true
{{- end }}
{{- if eq .Values.database.kind "sqlite" }}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "roster.volumes" -}}
- name: secrets
  secret:
    secretName: {{ include "roster.secret" . }}
    defaultMode: 0440
{{- include "roster.authorityVolume" . }}
{{- if .Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ .Values.tls.secret }}
    defaultMode: 0440
{{- end }}
{{- if .Values.clusterIssuer.enabled }}
- name: issuers
  configMap:
    name: {{ include "roster.fullname" . }}-issuers
# The one token of the cluster that Roster has: to ask the API server for its public keys.
- name: cluster
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- if eq .Values.database.kind "sqlite" }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "roster.fullname" . }}-data
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The cluster as an issuer of tokens, in TOML. */}}
{{- define "roster.issuers" -}}
[[issuer]]
issuer = {{ .Values.clusterIssuer.issuer | quote }}
audiences = [{{ .Values.clusterIssuer.audience | quote }}]
ca_file = "/run/secrets/cluster/ca.crt"
token_file = "/run/secrets/cluster/token"
role_claim = "sub"

[issuer.role_map]
{{- range $account, $role := .Values.clusterIssuer.roles }}
"system:serviceaccount:{{ $account }}" = {{ $role | quote }}
{{- end }}
{{- end }}
