{{- define "roster.migrateSpec" -}}
backoffLimit: 6
template:
  metadata:
    labels:
      {{- include "roster.podLabels" (list . "-migrate" "initial-data") | nindent 6 }}
  spec:
    restartPolicy: Never
    serviceAccountName: {{ include "roster.fullname" . }}-jobs
    {{- include "roster.pod" . | nindent 4 }}
    containers:
      - {{- include "roster.jobContainer" (list . "migrate" (list "migrate" "--grant-to" .Values.migrate.grantTo)) | nindent 8 }}
        env:
          {{- include "roster.jobEnv" . | nindent 10 }}
        volumeMounts:
          - name: secrets
            mountPath: /run/secrets/roster
            readOnly: true
          {{- include "roster.authorityMount" . | nindent 10 }}
    volumes:
      - name: secrets
        secret:
          secretName: {{ default (printf "%s-owner" (include "roster.fullname" .)) .Values.secrets.owner }}
          defaultMode: 0440
      {{- include "roster.authorityVolume" . | nindent 6 }}
{{- end }}

{{- define "roster.importSpec" -}}
backoffLimit: 6
template:
  metadata:
    labels:
      {{- include "roster.podLabels" (list . "-initial-data" "initial-data") | nindent 6 }}
  spec:
    restartPolicy: Never
    serviceAccountName: {{ include "roster.fullname" . }}-jobs
    {{- include "roster.pod" . | nindent 4 }}
    containers:
      - {{- include "roster.jobContainer" (list . "import" (list "import" "--once" "/initial-data/users.csv")) | nindent 8 }}
        env:
          {{- include "roster.jobEnv" . | nindent 10 }}
        volumeMounts:
          - name: secrets
            mountPath: /run/secrets/roster
            readOnly: true
          - name: initial-data
            mountPath: /initial-data
            readOnly: true
          {{- include "roster.authorityMount" . | nindent 10 }}
    volumes:
      - name: secrets
        secret:
          secretName: {{ include "roster.secret" . }}
          defaultMode: 0440
          items:
            - key: database-url
              path: database-url
      - name: initial-data
        configMap:
          name: {{ include "roster.fullname" . }}-initial-data
      {{- include "roster.authorityVolume" . | nindent 6 }}
{{- end }}
