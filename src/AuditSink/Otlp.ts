/**
 * Audit records to an OpenTelemetry collector, as logs over OTLP/HTTP in JSON.
 *
 * `write` succeeds once the collector has confirmed every record, in their order; then there is nothing left to sync. Nothing is
 * thrown away here: what is not confirmed stays with whoever writes, and is given again. What is confirmed is not sent twice. Where an
 * answer is lost on its way, the collector has records that it could not confirm, and gets them again: at least once.
 *
 * What becomes of a record that a collector has confirmed is the collector's affair. In front of it, `AuditSink/Spool` keeps what
 * is not confirmed yet in a local file.
 *
 * @example
 * import { FetchHttpClient } from "@effect/platform"
 * import { AuditSink } from "effect-registrar"
 * import * as FileSink from "effect-registrar/AuditSink/File"
 * import * as Otlp from "effect-registrar/AuditSink/Otlp"
 * import { Layer, Redacted } from "effect"
 *
 * const collector = Otlp.layer({
 *   url: "https://collector.example.com/v1/logs",
 *   headers: { authorization: Redacted.make("Bearer …") },
 *   resource: { serviceName: "configuration-server" }
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const sink = AuditSink.combine(FileSink.layer({ path: "audit.log.jsonl" }), collector)
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Clock, type Config, type ConfigError, Duration, Effect, Layer, Metric, Option, Redacted } from "effect"
import * as AuditChain from "../AuditChain.js"
import type { AuditRecord } from "../AuditRecord.js"
import { AuditSink, AuditSinkError, type Service } from "../AuditSink.js"
import { unsafeName } from "../internal/headers.js"
import * as Otlp from "../internal/otlp.js"
import * as Answer from "../internal/otlpAnswer.js"
import * as Exchange from "../internal/otlpExchange.js"
import * as Variables from "../internal/otlpVariables.js"
import * as Say from "../internal/say.js"

/**
 * @category models
 */
export interface Options {
  /** Where logs are posted to: all of it, as in `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, `http://localhost:4318/v1/logs`. */
  readonly url: string
  /** Sent with each request, and never shown. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** What the records come from. Default: the service `unknown_service`. */
  readonly resource?: Resource | undefined
  /** Sends the stored line along, as `log.record.original`: a chain can be verified only with it. Default: true. */
  readonly original?: boolean | undefined
  /**
   * What a request holds at most: records (512), and bytes before they are compressed (1,000,000, as many as proxies let through
   * unless told otherwise). A larger record goes alone.
   */
  readonly maxBatch?: { readonly records?: number | undefined; readonly bytes?: number | undefined } | undefined
  /** How long a request may take, with its answer. Default: 10 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Compresses requests with gzip. Default: false. */
  readonly compress?: boolean | undefined
}

/**
 * `service.name`, `service.version`, and other attributes: `service.instance.id` for the instance of a fleet, for example.
 *
 * @category models
 */
export interface Resource {
  readonly serviceName: string
  readonly serviceVersion?: string | undefined
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}

/** No longer is a collector left alone, whatever it asks for: meanwhile a queue fills. */
const longestRest = Duration.minutes(1)

/**
 * Fails where the URL or a header cannot be used. Nothing is sent before there are records, and so it succeeds without a collector.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, AuditSinkError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const url = yield* urlOf(options.url)
    // Some collectors have their token in the path.
    const sink = `otlp ${url.origin}`
    const failure = (reason: AuditSinkError["reason"], description: string) =>
      new AuditSinkError({ sink, reason, description })
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [
        name.toLowerCase(),
        Redacted.isRedacted(value) ? Redacted.value(value) : value
      ])
    )
    const unsafe = unsafeName(headers)
    if (unsafe !== undefined) {
      return yield* failure("Misconfigured", `the header ${JSON.stringify(unsafe)} cannot be sent: correct it`)
    }
    const { compress = false, maxBatch, original = true } = options
    const exchange = Exchange.make({
      client,
      compress,
      timeout: options.timeout ?? "10 seconds",
      request: HttpClientRequest.post(url.href, { headers: { "user-agent": "effect-registrar", ...headers } })
    })
    const secrets = Answer.secretsOf([
      ...Object.values(headers),
      url.pathname + url.search,
      ...url.searchParams.values()
    ])
    const rejectedHere = Metric.tagged(rejectedRecords, "sink", sink)
    // So that it is there from the start, and not only when it is too late.
    yield* Metric.incrementBy(rejectedHere, 0)

    const envelope = Otlp.envelope(attributesOf(options.resource))
    const encode = (observed: number) => (record: AuditRecord) =>
      Otlp.logRecord(record, { observed, original, chain: Option.getOrUndefined(AuditChain.headOf(record.line)) })

    /** What the collector has confirmed of a batch that may be given again. */
    let confirmed = new WeakSet<AuditRecord>()
    /** Why the collector wants to be left alone, and until when, in nanoseconds of no calendar. */
    let rest: { readonly until: bigint; readonly error: AuditSinkError } | undefined
    let warning = ""

    const says = (message: string) => (message === "" ? "" : `: ${Answer.quoted(message, secrets)}`)

    /** What a success says of the records that were sent. */
    const conclude = (
      body: string | undefined,
      sent: ReadonlyArray<AuditRecord>
    ): Effect.Effect<void, AuditSinkError> => {
      const verdict = Answer.verdictOf(body)
      if (verdict === undefined) {
        return failure("Misconfigured", "what answers there is no collector: correct the URL")
      }
      const { message, rejected } = verdict
      // It has none of them, and so none is doubled when they are given again.
      if (rejected >= sent.length) {
        const which = sent.length === 1 ? "the record" : `all ${sent.length} records`
        return failure("Unwritable", `the collector rejects ${which} that it is sent, ${spanOf(sent)}${says(message)}`)
      }
      for (const record of sent) confirmed.add(record)
      if (rejected > 0) {
        const what = `the collector has rejected ${rejected} of ${sent.length} records, ${spanOf(sent)}, and does not tell which`
        const error = failure("Unavailable", `${what}: they are not sent again${says(message)}`)
        return Say.error(error.message).pipe(
          Effect.zipRight(Metric.incrementBy(rejectedHere, rejected)),
          // Whoever waits for one of them must not take it for stored. Given again, they are passed over.
          Effect.zipRight(error)
        )
      }
      if (message === warning) return Effect.void
      warning = message
      return message === "" ? Effect.void : Say.warning(`The collector of '${sink}' warns${says(message)}`)
    }

    const refuse = ({ body, retryAfter, status }: Exchange.Answer): Effect.Effect<never, AuditSinkError> =>
      Effect.flatMap(Effect.clock, (clock) => {
        const { message, problem, reason } = Answer.refusalOf(status, body)
        const error = failure(reason, `the collector ${problem} (status ${status}${says(message)})`)
        const millis = reason !== "Unavailable" ? 0 : Answer.retryAfterOf(retryAfter, clock.unsafeCurrentTimeMillis())
        const nanos = Math.min(millis, Duration.toMillis(longestRest)) * 1_000_000
        rest = { until: clock.unsafeCurrentTimeNanos() + BigInt(Math.round(nanos)), error }
        return error
      })

    const send = (records: ReadonlyArray<AuditRecord>): Effect.Effect<void, AuditSinkError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const { body, count } = fill(envelope, records, encode(now), maxBatch)
        return Effect.mapError(exchange(body), ({ description, reason }) => failure(reason, description)).pipe(
          Effect.flatMap((answer) =>
            answer.isSuccess ? conclude(answer.body, records.slice(0, count)) : refuse(answer)
          ),
          Effect.zipRight(Effect.suspend(() => sendAll(records.slice(count))))
        )
      })

    const sendAll = (records: ReadonlyArray<AuditRecord>) => (records.length === 0 ? Effect.void : send(records))

    return {
      write: (batch) =>
        Effect.flatMap(Clock.currentTimeNanos, (now) => {
          if (rest !== undefined && now < rest.until) return rest.error
          rest = undefined
          return sendAll(batch.filter((record) => !confirmed.has(record)))
        }),
      // What was confirmed as a whole is not given again.
      sync: Effect.sync(() => {
        confirmed = new WeakSet()
      })
    } satisfies Service
  })

/**
 * The sink as a Layer. The application chooses the client: `FetchHttpClient.layer`, or one of `NodeHttpClient`.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<AuditSink, AuditSinkError, HttpClient.HttpClient> =>
  Layer.effect(AuditSink, make(options))

/**
 * The variables that OpenTelemetry specifies: `OTEL_EXPORTER_OTLP_ENDPOINT` (beneath it, `v1/logs`), `OTEL_EXPORTER_OTLP_HEADERS`,
 * `_TIMEOUT` (in milliseconds) and `_COMPRESSION`, each of them as `OTEL_EXPORTER_OTLP_LOGS_…` for logs alone;
 * `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. Without an endpoint it is `http://localhost:4318/v1/logs`.
 *
 * @category config
 */
export const config: Config.Config<Options> = Variables.config

/**
 * The same from `Config`. A value that is wrong is a `ConfigError` that names its key, and not the value.
 *
 * @category layers
 */
export const layerConfig = (
  options: Config.Config<Options> = config
): Layer.Layer<AuditSink, ConfigError.ConfigError | AuditSinkError, HttpClient.HttpClient> =>
  Layer.unwrapEffect(Effect.map(options, layer))

const rejectedRecords = Metric.counter("registrar_audit_otlp_rejected", {
  description: "Audit records that a collector has rejected, and that are not sent again",
  incremental: true
})

/** Credentials in a URL would be shown wherever it is. */
const urlOf = (text: string): Effect.Effect<URL, AuditSinkError> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isUsable = url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === ""
  if (isUsable) return Effect.succeed(url)
  const description =
    url === undefined || url.username + url.password === ""
      ? "its URL cannot be used: give one such as http://localhost:4318/v1/logs"
      : "its URL holds a password: leave it out, and put it into the headers"
  return new AuditSinkError({ sink: "otlp", reason: "Misconfigured", description })
}

const attributesOf = (resource: Resource | undefined): Readonly<Record<string, unknown>> => {
  const { attributes = {}, serviceName = "unknown_service", serviceVersion } = resource ?? {}
  const version = serviceVersion === undefined ? {} : { "service.version": serviceVersion }
  return { ...attributes, ...version, "service.name": serviceName }
}

/** As many of the records as a request may hold, and at least the first. */
const fill = (
  envelope: Otlp.Envelope,
  records: ReadonlyArray<AuditRecord>,
  encode: (record: AuditRecord) => string,
  { bytes: maxBytes = 1_000_000, records: maxRecords = 512 }: NonNullable<Options["maxBatch"]> = {}
) => {
  const texts: Array<string> = []
  let bytes = Buffer.byteLength(envelope([]))
  for (const record of records) {
    const text = encode(record)
    bytes += Buffer.byteLength(text) + 1
    if (texts.length > 0 && (bytes > maxBytes || texts.length >= maxRecords)) break
    texts.push(text)
  }
  return { count: texts.length, body: envelope(texts) }
}

/** What tells somebody where to look for records. */
const spanOf = (records: ReadonlyArray<AuditRecord>): string => {
  const ends = [records.at(0), records.at(-1)].filter((record) => record !== undefined)
  const seqs = ends.map(({ line }) => Option.getOrUndefined(AuditChain.headOf(line))?.seq)
  const [first, last] = seqs.includes(undefined) ? ends.map(({ date }) => date) : seqs.map((seq) => `seq ${seq}`)
  return first === last ? `${first}` : `from ${first} to ${last}`
}
