/**
 * The errors that every registry starts with: the answers that the framework itself gives, and those that nearly every
 * application needs. An application overrides any of them explicitly, with `ErrorRegistry.override`.
 *
 * @example
 * import { BuiltInErrors } from "effect-registrar"
 *
 * console.log(new BuiltInErrors.NotFound().message) // The requested resource could not be found
 */
import { Schema } from "effect"
import * as ApiError from "./ApiError.js"

/**
 * What is wrong at one place of a request: `path` leads there, as in `items[0].name`, and is empty for the whole. `reason` goes
 * on where it ends: `is missing`.
 *
 * @category models
 */
export const Issue = Schema.Struct({
  in: Schema.optional(Schema.Literal("path", "query", "headers", "body")),
  path: Schema.String,
  reason: Schema.String
}).annotations({ examples: [{ in: "body", path: "items[0].name", reason: "is missing" }] })

/**
 * 400: the request cannot be read. `issues` are there where a part of it did not fit what is expected.
 *
 * @category errors
 */
export class BadRequest extends ApiError.make<BadRequest>()("bad-request", {
  status: 400,
  message: "The request could not be understood",
  fields: { issues: Schema.optional(Schema.Array(Issue)) }
}) {}

/**
 * 401: nobody knows who asks.
 *
 * @category errors
 */
export class Unauthenticated extends ApiError.make<Unauthenticated>()("unauthenticated", {
  status: 401,
  message: "Authentication is required to access this resource"
}) {}

/**
 * 403: who asks may not.
 *
 * @category errors
 */
export class Unauthorized extends ApiError.make<Unauthorized>()("unauthorized", {
  status: 403,
  message: "You are not allowed to access this resource"
}) {}

/**
 * 404: nothing is there.
 *
 * @category errors
 */
export class NotFound extends ApiError.make<NotFound>()("not-found", {
  status: 404,
  message: "The requested resource could not be found"
}) {}

/**
 * 405: the path exists, but not for this method.
 *
 * @category errors
 */
export class MethodNotAllowed extends ApiError.make<MethodNotAllowed>()("method-not-allowed", {
  status: 405,
  message: "The method is not allowed for this resource"
}) {}

/**
 * 413: the body is too large.
 *
 * @category errors
 */
export class ContentTooLarge extends ApiError.make<ContentTooLarge>()("content-too-large", {
  status: 413,
  message: "The body of the request is too large"
}) {}

/**
 * 415: the body is of a kind that is not understood.
 *
 * @category errors
 */
export class UnsupportedMediaType extends ApiError.make<UnsupportedMediaType>()("unsupported-media-type", {
  status: 415,
  message: "The media type of the request is not supported"
}) {}

/**
 * 500: a mistake of the server.
 *
 * @category errors
 */
export class InternalServerError extends ApiError.make<InternalServerError>()("internal-server-error", {
  status: 500,
  message: "The server made an error while it processed the request"
}) {}

/**
 * 503: not now.
 *
 * @category errors
 */
export class ServiceUnavailable extends ApiError.make<ServiceUnavailable>()("service-unavailable", {
  status: 503,
  message: "The service is not available at the moment"
}) {}

/**
 * 503: the audit log could not make safe what had to be safe before anything else happened.
 *
 * @category errors
 */
export class AuditUnavailable extends ApiError.make<AuditUnavailable>()("audit-unavailable", {
  status: 503,
  message: "The request was not carried out, because it could not be recorded"
}) {}

/**
 * What every registry starts with.
 *
 * @category errors
 */
export const builtIns = [
  BadRequest,
  Unauthenticated,
  Unauthorized,
  NotFound,
  MethodNotAllowed,
  ContentTooLarge,
  UnsupportedMediaType,
  InternalServerError,
  ServiceUnavailable,
  AuditUnavailable
] as const

/**
 * @category errors
 */
export type BuiltIn = InstanceType<(typeof builtIns)[number]>

/**
 * Whether the class is one of these.
 *
 * @category guards
 */
export const isBuiltIn = (error: ApiError.Any): boolean => builtIns.some((builtIn) => builtIn === error)
