{{/* The release's name and no more, so that `make-secrets NAMESPACE RELEASE` makes what pods look for. */}}
{{- define "roster.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride -}}
{{- end }}

{{- define "roster.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "roster.secret" -}}
{{- default (include "roster.fullname" .) .Values.secrets.app -}}
{{- end }}

{{- define "roster.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "roster.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* What picks pods: (list . NAME-SUFFIX). Only the server's pods have the plain name. */}}
{{- define "roster.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: roster{{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end }}

{{/* Labels of an object: (list . NAME-SUFFIX COMPONENT). */}}
{{- define "roster.labels" -}}
{{- $root := index . 0 -}}
{{ include "roster.selector" . }}
app.kubernetes.io/component: {{ index . 2 }}
app.kubernetes.io/part-of: roster
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{/* Labels of a pod: those of its object that no release changes. */}}
{{- define "roster.podLabels" -}}
{{ include "roster.selector" . }}
app.kubernetes.io/component: {{ index . 2 }}
app.kubernetes.io/part-of: roster
{{- end }}

{{/* What PostgreSQL allows: as it is said, or else 200 for our own and PostgreSQL's default for another. */}}
{{- define "roster.maxConnections" -}}
{{- default (ternary 200 100 (eq .Values.database.kind "statefulset")) .Values.database.maxConnections -}}
{{- end }}

{{/* The name by which a Gateway and the chart's own test know the certificate. */}}
{{- define "roster.hostname" -}}
{{- default (printf "%s.%s.svc" (include "roster.fullname" .) .Release.Namespace) .Values.tls.hostname -}}
{{- end }}

{{/* The release that the names of Jobs end in: what says which image, and what the Job is, since a Job does not change. */}}
{{- define "roster.jobName" -}}
{{- $root := index . 0 -}}
{{- $digest := trunc 12 (trimPrefix "sha256:" $root.Values.image.digest) -}}
{{- $release := default (default (default $root.Chart.AppVersion $root.Values.image.tag) $digest) $root.Values.release -}}
{{- $name := printf "%s-%s-%s" (include "roster.fullname" $root) (index . 1) (regexReplaceAll "[^a-z0-9-]" (lower $release) "-") -}}
{{- printf "%s-%s" (trunc 54 $name | trimSuffix "-") (sha256sum (index . 2) | trunc 8) -}}
{{- end }}

{{/* What pods of our own image have in common. */}}
{{- define "roster.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "roster.authorityMount" -}}
{{- if .Values.database.authoritySecret }}
- name: database-authority
  mountPath: /run/secrets/database
  readOnly: true
{{- end }}
{{- end }}

{{- define "roster.authorityVolume" -}}
{{- if .Values.database.authoritySecret }}
- name: database-authority
  secret:
    secretName: {{ .Values.database.authoritySecret }}
    optional: true
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}

{{/* A container's part that Jobs share: (list . NAME ARGS). */}}
{{- define "roster.jobContainer" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
image: {{ include "roster.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args: {{ toJson (index . 2) }}
resources:
  {{- toYaml $root.Values.jobResources | nindent 2 }}
securityContext:
  {{- toYaml $root.Values.securityContext | nindent 2 }}
{{- end }}

{{/* The environment of a Job that works on the database. */}}
{{- define "roster.jobEnv" -}}
- name: ROSTER_DATABASE_URL_FILE
  value: /run/secrets/roster/database-url
- name: ROSTER_DATABASE_WAIT
  value: "0"
{{- end }}

{{/* The pods that speak to the database. */}}
{{- define "roster.databaseClients" -}}
matchExpressions:
  - key: app.kubernetes.io/name
    operator: In
    values: [roster, roster-migrate, roster-initial-data, roster-test]
matchLabels:
  app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
