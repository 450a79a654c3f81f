/**
 * The configurations: an extension with its errors, exceptions and audit events, and the routes that serve them.
 */
import { HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, Option, Schema } from "effect"
import { ApiError, AuditEvent, AuditLog, Extension } from "effect-registrar"
import { Endpoints } from "./Endpoints.js"
import { Environments } from "./Environments.js"
import * as RequestPath from "./RequestPath.js"
import * as RequestVariables from "./RequestVariables.js"
import * as Secrets from "./Secrets.js"
import { TemplateRenderingError, Templates } from "./Templates.js"
import { YamlFormatError, YamlSyntaxError } from "./YamlFile.js"

class NotFound extends ApiError.make<NotFound>()("configs-not-found", {
  status: 404,
  message: "There is no such configuration"
}) {}

class RequestBodyInvalid extends ApiError.make<RequestBodyInvalid>()("configs-request-body-invalid", {
  status: 400,
  message: "The variables in the body of the request are invalid: {problem}",
  fields: { problem: Schema.String }
}) {}

const ConfigLoaded = AuditEvent.make("configs-config-loaded", {
  level: "Info",
  message: "User '{user}' has loaded {path}"
})

const SecretsLoaded = AuditEvent.make("configs-secrets-loaded", {
  level: "Info",
  message: "User '{user}' has loaded {path} with the secrets {secrets}",
  fields: { secrets: Schema.Array(Schema.String) }
})

export const { layer } = Extension.make("configs", {
  errors: [NotFound, RequestBodyInvalid],
  exceptions: [
    ApiError.fromException(TemplateRenderingError, {
      id: "configs-template-rendering-error",
      message: "The server could not render this configuration"
    }),
    ApiError.fromException(YamlSyntaxError, {
      id: "configs-env-syntax-error",
      message: "The server could not read the variables of this configuration"
    }),
    ApiError.fromException(YamlFormatError, {
      id: "configs-env-format-error",
      message: "The server could not understand the variables of this configuration"
    })
  ],
  auditEvents: [ConfigLoaded, SecretsLoaded]
})

const serve = Effect.gen(function* () {
  const audit = yield* AuditLog.AuditLog
  const endpoints = yield* Endpoints
  const environments = yield* Environments
  const templates = yield* Templates
  const request = yield* HttpServerRequest.HttpServerRequest

  const [, ...segments] = RequestPath.segmentsOf(request.url)
  const found = yield* endpoints.find(segments)
  if (Option.isNone(found)) return yield* new NotFound()
  const endpoint = found.value

  const body = request.method === "POST" ? yield* request.json : {}
  const environment = yield* environments.of(endpoint)
  const requested = yield* RequestVariables.decode(body, environment).pipe(
    Effect.mapError((problem) => new RequestBodyInvalid({ problem }))
  )

  const secrets = Secrets.open(environment.secrets)
  const text = yield* templates.render(endpoint, {
    ...environment.variables,
    ...requested,
    common: environment.common,
    secrets: secrets.values
  })

  // No secret leaves the server before the trail says so, nor when it cannot.
  if (secrets.used().length > 0) yield* audit.require(SecretsLoaded, { secrets: secrets.used() })
  yield* audit.add(ConfigLoaded)
  return HttpServerResponse.text(text, {
    contentType: contentTypeOf(endpoint.name),
    headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" }
  })
})

export const routes = HttpLayerRouter.addAll([
  HttpLayerRouter.route("GET", "/configs/*", serve),
  HttpLayerRouter.route("POST", "/configs/*", serve)
])

const contentTypeOf = (name: string): string =>
  contentTypes[name.split(".").at(-1) ?? ""] ?? "text/plain; charset=utf-8"

const contentTypes: Readonly<Record<string, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  yml: "application/yaml",
  toml: "application/toml",
  xml: "application/xml"
}
