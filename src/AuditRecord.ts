/**
 * One stored line of the audit trail.
 *
 * A record is decided once, when the event is added: nothing changed later in the application can reach it. `line` is the
 * record's own line, and the other members are what it holds. Sinks store the line; a chained file appends its `chain` member to it.
 */
import { Data, Either, ParseResult, Schema } from "effect"
import * as AuditEvent from "./AuditEvent.js"
import type { HmacKey } from "./HmacKey.js"
import { isJson, toJson, type Json } from "./internal/json.js"
import { framed, inOnePiece, stringify, stringifyMembers } from "./internal/jsonText.js"
import { toWire, wireLevels } from "./internal/level.js"
import type { Trace } from "./internal/trace.js"
import * as MessageTemplate from "./MessageTemplate.js"

/** As a whole, because a Schema of its members would rebuild them and lose one with the name `__proto__`. */
const Details = Schema.declare(
  (u): u is { readonly [name: string]: Json } =>
    typeof u === "object" && u !== null && !Array.isArray(u) && Object.values(u).every(isJson),
  { identifier: "Details", jsonSchema: { type: "object" } }
)

/**
 * What a line holds, in this order. `date` is UTC with milliseconds and `Z` (RFC 3339). `details` starts with `ip`, `path`
 * and `user` where they are known, then has the parameters of the event. `intent` ties together what `AuditLog.around` records
 * before and after an act, `requestId` all of one request, with its answer and its lines in the application log. `traceId` and
 * `spanId` (W3C Trace Context) lead to the trace that it happened in, where somebody collects that.
 *
 * @category schemas
 */
export const Contents = Schema.Struct({
  level: Schema.Literal(...wireLevels),
  date: Schema.String.pipe(Schema.pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
  message: Schema.String,
  event: Schema.Struct({
    type: Schema.String,
    details: Details,
    intent: Schema.optionalWith(Schema.String, { exact: true }),
    requestId: Schema.optionalWith(Schema.String, { exact: true }),
    traceId: Schema.optionalWith(Schema.String, { exact: true }),
    spanId: Schema.optionalWith(Schema.String, { exact: true })
  }),
  source: Schema.String
})

/**
 * @category models
 */
export type Contents = typeof Contents.Type

/**
 * @category models
 */
export interface AuditRecord extends Contents {
  /** The record as it is stored: one line of JSON, without the line end. */
  readonly line: string
}

/**
 * The record of the given contents.
 *
 * @category constructors
 */
export const make = (contents: Contents): AuditRecord => {
  const { level, date, message, event, source } = contents
  return { level, date, message, event: eventOf(event), source, line: lineOf(contents) }
}

/** In the order of the line, and without what is `undefined`. */
const eventOf = (given: {
  readonly type: string
  readonly details: Contents["event"]["details"]
  readonly intent?: string | undefined
  readonly requestId?: string | undefined
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
}): Contents["event"] => {
  const { type, details, intent, requestId, traceId, spanId } = given
  const event: { -readonly [Name in keyof Contents["event"]]: Contents["event"][Name] } = { type, details }
  if (intent !== undefined) event.intent = intent
  if (requestId !== undefined) event.requestId = requestId
  if (traceId !== undefined) event.traceId = traceId
  if (spanId !== undefined) event.spanId = spanId
  return event
}

/**
 * The line of a record. As `stringify` writes it, but put together from few parts, which takes less than half the time.
 *
 * @internal
 */
export const lineOf = ({ level, date, message, event, source }: Contents): string => {
  const { type, details, intent, requestId, traceId, spanId } = event
  return inOnePiece(
    withLevel(level) +
      stringify(date) +
      ',"message":' +
      stringify(message) +
      withType(type) +
      stringifyMembers(details) +
      (intent === undefined ? "" : `,"intent":${stringify(intent)}`) +
      (requestId === undefined ? "" : `,"requestId":${stringify(requestId)}`) +
      (traceId === undefined ? "" : `,"traceId":${stringify(traceId)}`) +
      (spanId === undefined ? "" : `,"spanId":${stringify(spanId)}`) +
      withSource(source)
  )
}

const withLevel = framed('{"level":', ',"date":')
const withType = framed(',"event":{"type":', ',"details":')
const withSource = framed('},"source":', "}")

/**
 * The record of an event. What the context does not know of that the message names is `null`. Values that do not fit their
 * field are recorded in their JSON form all the same, and named in `misfits`.
 *
 * @category constructors
 */
export const fromEvent = (
  event: AuditEvent.Any,
  params: object,
  given: Surroundings
): { readonly record: AuditRecord; readonly misfits: ReadonlyArray<string> } => {
  const { contents, misfits } = contentsOf(event, params, given)
  return { record: make(contents), misfits }
}

/** Where and when an event was added. */
interface Surroundings {
  readonly source: string
  readonly date: string
  readonly context?: { readonly [Name in AuditEvent.ContextName | "requestId"]?: string | undefined }
  readonly intent?: string | undefined
  readonly trace?: Trace | undefined
  /** For fields that are marked with `Privacy.hmac`. */
  readonly hmacKey?: HmacKey | undefined
}

/**
 * What the record of an event holds.
 *
 * @internal
 */
export const contentsOf = (
  event: AuditEvent.Any,
  params: object,
  given: Surroundings
): {
  readonly contents: Contents
  readonly misfits: ReadonlyArray<string>
  /** Whether something is masked that should be a pseudonym, because there is no key. */
  readonly isUnkeyed: boolean
} => {
  const { context = {}, date, hmacKey, intent, source, trace } = given
  const named = MessageTemplate.parametersOf(event.template)
  const details: Record<string, Json> = {}
  for (const name of AuditEvent.contextNames) {
    const value = context[name]
    if (value !== undefined) details[name] = toJson(value)
    else if (named.includes(name)) details[name] = null
  }
  const encoded = event.encode(params as Readonly<Record<string, unknown>>, "keep", details, hmacKey)
  const { isUnkeyed = false, omitted, problems } = encoded
  // Only where the message would otherwise show that there is nothing.
  const isNamed = omitted !== undefined && named.some((name) => Object.hasOwn(omitted, name))
  const shown = isNamed ? { ...omitted, ...details } : details
  const message = Either.isRight(event.template) ? MessageTemplate.render(event.template.right, shown) : event.text
  return {
    contents: {
      level: toWire(event.level),
      date,
      message,
      event: eventOf({
        type: event.type,
        details,
        intent,
        requestId: context.requestId,
        traceId: trace?.traceId,
        spanId: trace?.spanId
      }),
      source
    },
    misfits: problems.length === 0 ? noMisfits : problems.map(({ field, problem }) => `${field} (${problem})`),
    isUnkeyed
  }
}

const noMisfits: ReadonlyArray<string> = []

/**
 * The line is not an audit record.
 *
 * @category errors
 */
export class InvalidRecord extends Data.TaggedError("InvalidRecord")<{ readonly reason: string }> {
  override get message() {
    return `The line is not an audit record: ${this.reason}`
  }
}

const decodeContents = Schema.decodeUnknownEither(Schema.parseJson(Contents))

/**
 * Reads a stored line. `line` is kept as it was given, byte for byte.
 *
 * @category constructors
 */
export const fromLine = (line: string): Either.Either<AuditRecord, InvalidRecord> =>
  Either.mapBoth(decodeContents(line), {
    onRight: (contents) => ({ ...contents, line }),
    onLeft: (error) => new InvalidRecord({ reason: ParseResult.TreeFormatter.formatErrorSync(error) })
  })
