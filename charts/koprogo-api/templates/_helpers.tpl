{{- define "koprogo-api.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "koprogo-api.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The pods' labels. A Deployment's selector can never change, so the slot is a label, and not part of that. */}}
{{- define "koprogo-api.podLabels" -}}
{{ include "koprogo-api.selectorLabels" . }}
{{- with .Values.slot }}
koprogo.io/slot: {{ . }}
{{- end }}
{{- end -}}

{{/* Whose pods answer: this release's own, or those of the other release that has the active slot. */}}
{{- define "koprogo-api.serving" -}}
{{- if and .Values.slot .Values.activeSlot -}}
{{- fail (printf "slot is %s and activeSlot is %s: a release has a slot, or sends to one" .Values.slot .Values.activeSlot) -}}
{{- end -}}
{{- with .Values.activeSlot -}}
app.kubernetes.io/name: {{ default $.Chart.Name $.Values.nameOverride }}
koprogo.io/slot: {{ . }}
{{- else -}}
{{ include "koprogo-api.selectorLabels" . }}
{{- end -}}
{{- end -}}

{{/* Whether the world outside is let in here: never to a slot, which is reached through the release without one. */}}
{{- define "koprogo-api.behindIngress" -}}
{{- if or .Values.ingress.enabled .Values.slot -}}yes{{- end -}}
{{- end -}}

{{- define "koprogo-api.labels" -}}
{{ include "koprogo-api.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: koprogo
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "koprogo-api.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{/* The newest kind that this cluster offers: v2 came with 1.23, and 1.26 dropped v2beta2. */}}
{{- define "koprogo-api.hpaApiVersion" -}}
{{- if .Capabilities.APIVersions.Has "autoscaling/v2" -}}autoscaling/v2{{- else -}}autoscaling/v2beta2{{- end -}}
{{- end -}}

{{/* policy/v1 came with 1.21, and 1.25 dropped v1beta1. */}}
{{- define "koprogo-api.pdbApiVersion" -}}
{{- if .Capabilities.APIVersions.Has "policy/v1" -}}policy/v1{{- else -}}policy/v1beta1{{- end -}}
{{- end -}}

{{/* What Pod Security's "restricted" level asks of a container. */}}
{{- define "koprogo-api.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}
