import {
  FetchHttpClient,
  HttpClient,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse
} from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Cause,
  ConfigError,
  ConfigProvider,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Inspectable,
  Layer,
  Logger,
  Metric,
  MetricState,
  Redacted,
  TestClock,
  Tracer
} from "effect"
import * as AppLog from "../../src/AppLog.js"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, AuditSinkError, type Batch, type Service } from "../../src/AuditSink.js"
import * as Otlp from "../../src/AuditSink/Otlp.js"
import { describeSink } from "../support/sinkContract.js"
import * as Collector from "./otlp/collector.js"
import { attributesOf, decode } from "./otlp/proto.js"
import { record, records, store } from "./testRecords.js"

const url = "http://collector.test/v1/logs"

/** A request as a collector reads it: the numbers of the records in it. */
const numbersOf = (body: string) =>
  decode(body).resourceLogs[0].scopeLogs[0].logRecords.map(({ attributes }) => attributesOf(attributes)["number"])

type Reply = (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<Response, HttpClientError.HttpClientError>

const reply =
  (status: number, body: BodyInit | null = "{}", headers: Record<string, string> = {}): Reply =>
  () =>
    Effect.sync(() => new Response(body, { status, headers }))

const accepting = reply(200)

/** A client that answers as it is told, and then accepts; and what it was asked. */
const scripted = (...replies: ReadonlyArray<Reply>) => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request) =>
    Effect.suspend(() => {
      requests.push(request)
      const answer = replies[requests.length - 1] ?? accepting
      return Effect.map(answer(request), (response) => HttpClientResponse.fromWeb(request, response))
    })
  )
  const bodies = () =>
    requests.map(({ body }) => (body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : assert.fail()))
  return { client, requests, bodies, numbers: () => bodies().map(numbersOf) }
}

const use = <A, E, R>(
  client: HttpClient.HttpClient,
  options: Partial<Otlp.Options>,
  body: (sink: Service) => Effect.Effect<A, E, R>
) => Effect.flatMap(Otlp.make({ url, ...options }), body).pipe(Effect.provideService(HttpClient.HttpClient, client))

/** The lines of the application log, for what is said meanwhile. */
const listening = <A, E, R>(body: (lines: ReadonlyArray<AppLog.Line>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<AppLog.Line> = []
    const logger = AppLog.layer(
      Effect.succeed((line) => lines.push(line)),
      { level: "Debug" }
    )
    return Effect.provide(body(lines), logger)
  })

const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

const failureOf = (client: HttpClient.HttpClient, options: Partial<Otlp.Options> = {}) =>
  use(client, options, (sink) => Effect.flip(sink.write(records(1, 3))))

describeSink("a collector", {
  place: Effect.map(Collector.make, (collector) => ({
    layer: Layer.provide(Otlp.layer({ url: collector.url }), FetchHttpClient.layer),
    stored: Effect.map(collector.lines, (lines) => lines.map((line) => Either.getOrThrow(AuditRecord.fromLine(line))))
  }))
})

describe("write", () => {
  it.effect("posts what the options say", () =>
    Effect.gen(function* () {
      const { bodies, client, requests } = scripted()
      const options: Partial<Otlp.Options> = {
        url: "http://collector.test:4318/some/where?tenant=1",
        headers: { "X-Tenant": "one", authorization: Redacted.make("Bearer s3cret") },
        resource: { serviceName: "shop", serviceVersion: "1.2.3", attributes: { "service.name": "x", region: "eu" } }
      }
      yield* TestClock.setTime(5000)
      yield* use(client, options, (sink) => store(sink, records(1, 2)))
      const [request] = requests
      assert.strictEqual(request!.method, "POST")
      assert.strictEqual(request!.url, "http://collector.test:4318/some/where?tenant=1")
      const { "content-length": _, ...headers } = request!.headers
      assert.deepStrictEqual(
        { ...headers },
        {
          "x-tenant": "one",
          authorization: "Bearer s3cret",
          "content-type": "application/json",
          "user-agent": "effect-registrar"
        }
      )
      const [{ resource, scopeLogs }] = decode(bodies()[0]!).resourceLogs
      assert.deepStrictEqual(attributesOf(resource.attributes), {
        "service.name": "shop",
        "service.version": "1.2.3",
        region: "eu"
      })
      assert.strictEqual(scopeLogs[0].logRecords[0]!.observedTimeUnixNano, "5000000000")
    })
  )

  it.effect("sends requests of so many records, in their order, and none that is empty", () =>
    Effect.gen(function* () {
      const { client, numbers } = scripted()
      yield* use(client, { maxBatch: { records: 3 } }, (sink) =>
        Effect.zipRight(store(sink, records(1, 8)), store(sink, records(9, 11)))
      )
      assert.deepStrictEqual(numbers(), [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8],
        [9, 10, 11]
      ])
      const byDefault = scripted()
      yield* use(byDefault.client, {}, (sink) => sink.write(records(1, 513)))
      assert.deepStrictEqual(
        byDefault.numbers().map(({ length }) => length),
        [512, 1]
      )
    })
  )

  it.effect("sends requests of so many bytes, and a larger record alone", () =>
    Effect.gen(function* () {
      const { bodies, client, numbers } = scripted()
      const large = AuditRecord.make({
        ...record(4),
        event: { type: "test-event", details: { number: 4, text: "\u20ac".repeat(2000) } }
      })
      const batch: Batch = [...records(1, 3), large, ...records(5, 9)]
      yield* use(client, { maxBatch: { bytes: 2500 } }, (sink) => sink.write(batch))
      assert.deepStrictEqual(numbers().flat(), Arr.range(1, 9))
      const sizes = bodies().map((body) => Buffer.byteLength(body))
      const alone = numbers().findIndex((group) => group.includes(4))
      assert.deepStrictEqual(numbers()[alone], [4])
      assert.isAbove(sizes[alone]!, 12_000)
      for (const [nth, size] of sizes.entries()) if (nth !== alone) assert.isAtMost(size, 2500)
      // As many as fit.
      assert.isAtLeast(Math.max(...numbers().map(({ length }) => length)), 2)
    })
  )

  it.effect("does not send again what was confirmed of a batch that failed, and knows it by its identity", () =>
    Effect.gen(function* () {
      const { client, numbers } = scripted(accepting, accepting, reply(503))
      yield* use(client, { maxBatch: { records: 2 } }, (sink) =>
        Effect.gen(function* () {
          const batch = records(1, 6)
          assert.strictEqual((yield* Effect.flip(sink.write(batch))).reason, "Unavailable")
          yield* store(sink, [...batch, record(7)])
          // Equal ones are other ones, and after the sync nothing is remembered.
          yield* store(sink, [record(1), batch[1]!])
        })
      )
      assert.deepStrictEqual(numbers(), [[1, 2], [3, 4], [5, 6], [5, 6], [7], [1, 2]])
    })
  )

  it.effect("remembers what was confirmed also where it is interrupted then", () =>
    Effect.gen(function* () {
      const { client, numbers } = scripted(accepting, () => Effect.never)
      yield* use(client, { maxBatch: { records: 1 } }, (sink) =>
        Effect.gen(function* () {
          const batch = records(1, 3)
          const fiber = yield* Effect.fork(sink.write(batch))
          yield* Effect.repeatN(Effect.yieldNow(), 50)
          yield* Fiber.interrupt(fiber)
          yield* store(sink, batch)
        })
      )
      assert.deepStrictEqual(numbers(), [[1], [2], [2], [3]])
    })
  )

  it.effect("succeeds with whatever collectors say when they have taken everything", () =>
    Effect.gen(function* () {
      for (const answer of [
        reply(200, ""),
        reply(202, null),
        reply(204, null),
        reply(200, "ok"),
        reply(200, new Uint8Array([0x0a, 0x00])),
        reply(200, '{"partialSuccess":{}}'),
        reply(200, '{"partialSuccess":null}'),
        reply(200, '{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":""}}'),
        reply(200, '{"partialSuccess":{"rejectedLogRecords":0}}'),
        reply(200, "[]"),
        reply(200, "null")
      ]) {
        const { client } = scripted(answer)
        yield* use(client, {}, (sink) => store(sink, records(1, 3)))
      }
    })
  )

  it.effect("does not take a page for people, or an endless answer, for the answer of a collector", () =>
    Effect.gen(function* () {
      let given = 0
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          given++
          controller.enqueue(new Uint8Array(10_000).fill(32))
        }
      })
      for (const answer of [reply(200, "\n <!doctype html><p>hello"), reply(200, endless)]) {
        const { reason, message } = yield* failureOf(scripted(answer).client)
        assert.strictEqual(reason, "Misconfigured")
        assert.include(message, "no collector: correct the URL")
      }
      assert.isBelow(given, 20)
    })
  )
})

describe("a refusal", () => {
  const refusals: ReadonlyArray<readonly [status: number, reason: AuditSinkError["reason"], advice: string]> = [
    [301, "Misconfigured", "give the URL that it leads to"],
    [400, "Misconfigured", "OTLP logs as JSON"],
    [401, "Misconfigured", "correct the headers"],
    [403, "Misconfigured", "grant the right"],
    [404, "Misconfigured", "/v1/logs"],
    [405, "Misconfigured", "/v1/logs"],
    [408, "Unavailable", "tried again"],
    [413, "Unwritable", "lower 'maxBatch'"],
    [415, "Misconfigured", "OTLP as JSON"],
    [418, "Unwritable", "look into its log"],
    [429, "Unavailable", "tried again"],
    [500, "Unavailable", "tried again"],
    [502, "Unavailable", "tried again"],
    [503, "Unavailable", "tried again"],
    [504, "Unavailable", "tried again"]
  ]
  for (const [status, reason, advice] of refusals) {
    it.effect(`with ${status} is ${reason}, says what to do, and throws nothing away`, () =>
      Effect.gen(function* () {
        const { client, numbers } = scripted(reply(status))
        yield* use(client, {}, (sink) =>
          Effect.gen(function* () {
            const batch = records(1, 3)
            const error = yield* Effect.flip(sink.write(batch))
            assert.strictEqual(error.reason, reason)
            assert.include(error.message, advice)
            assert.include(error.message, `status ${status}`)
            assert.match(error.message, /^The audit sink 'otlp http:\/\/collector.test' failed: the collector /)
            yield* store(sink, batch)
          })
        )
        assert.deepStrictEqual(numbers(), [
          [1, 2, 3],
          [1, 2, 3]
        ])
      })
    )
  }

  it.effect("holds the message of the collector, on one line and not too long", () =>
    Effect.gen(function* () {
      const message = `tenant\u001b[31m is full\n\u202e${"x".repeat(5000)}`
      const error = yield* failureOf(scripted(reply(429, JSON.stringify({ code: 8, message }))).client)
      assert.include(error.message, "(status 429: tenant\\u001b[31m is full\\n\\u202exxx")
      assert.isBelow(error.message.length, 500)
      for (const body of ['{"message":1}', '{"message":', "null", '["message"]', ""]) {
        const { message } = yield* failureOf(scripted(reply(429, body)).client)
        assert.match(message, /\(status 429\)$/)
      }
    })
  )

  it.effect("is the same where the client fails with it", () =>
    Effect.gen(function* () {
      const { client } = scripted(reply(401), accepting)
      const error = yield* failureOf(HttpClient.filterStatusOk(client))
      assert.strictEqual(error.reason, "Misconfigured")
      assert.include(error.message, "status 401")
    })
  )

  it.effect("is understood also where its body breaks off", () =>
    Effect.gen(function* () {
      const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("cut")) })
      assert.include((yield* failureOf(scripted(reply(503, broken)).client)).message, "status 503")
    })
  )
})

describe("Retry-After", () => {
  /** How long nothing is sent after such an answer. */
  const restAfter = (header: string, status = 503) =>
    Effect.gen(function* () {
      const { client, requests } = scripted(reply(status, "{}", { "retry-after": header }))
      return yield* use(client, {}, (sink) =>
        Effect.gen(function* () {
          const batch = records(1, 2)
          const first = yield* Effect.flip(sink.write(batch))
          let seconds = 0
          for (;;) {
            const sent = requests.length
            // At once in any case: whoever writes is never held up.
            const exit = yield* Effect.exit(sink.write(batch))
            if (requests.length > sent) return seconds
            assert.deepStrictEqual(exit, Exit.fail(first))
            yield* TestClock.adjust("1 second")
            seconds++
          }
        })
      )
    })

  it.effect("is respected, without holding up whoever writes", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* restAfter("7"), 7)
      assert.strictEqual(yield* restAfter("7", 429), 7)
      assert.strictEqual(yield* restAfter("0"), 0)
      yield* TestClock.setTime(Date.parse("2024-01-31T12:00:00Z"))
      assert.strictEqual(yield* restAfter("Wed, 31 Jan 2024 12:00:30 GMT"), 30)
      yield* TestClock.setTime(Date.parse("2024-01-31T12:00:00Z"))
      assert.strictEqual(yield* restAfter("Wed, 31 Jan 2024 11:00:00 GMT"), 0)
    })
  )

  it.effect("is respected for a minute at most, and not where it is none", () =>
    Effect.gen(function* () {
      for (const long of ["86400", "9".repeat(400), "Wed, 31 Jan 2124 12:00:00 GMT"]) {
        assert.strictEqual(yield* restAfter(long), 60)
      }
      for (const none of ["soon", "", "-5", "1.5e3", "Wed, 31 Feb 99999 12:00:00 GMT", "Xyz, 99 Xyz 2024 99:99:99 GMT"])
        assert.strictEqual(yield* restAfter(none), 0)
      assert.strictEqual(yield* restAfter("7", 404), 0)
    })
  )
})

describe("a collector that does not answer", () => {
  const hangs: Reply = () => Effect.never

  it.effect("is Unavailable after the timeout, and is asked again", () =>
    Effect.gen(function* () {
      const { client, numbers } = scripted(hangs, hangs)
      yield* use(client, {}, (sink) =>
        Effect.gen(function* () {
          const batch = records(1, 2)
          const fiber = yield* Effect.fork(Effect.flip(sink.write(batch)))
          yield* TestClock.adjust("9999 millis")
          assert.isNull(fiber.unsafePoll())
          yield* TestClock.adjust("1 millis")
          const error = yield* fiber
          assert.strictEqual(error.reason, "Unavailable")
          assert.include(error.message, "has not answered within 10s")
          // Also where nothing could interrupt it.
          const again = yield* Effect.fork(Effect.uninterruptible(Effect.flip(sink.write(batch))))
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual((yield* again).reason, "Unavailable")
          yield* store(sink, batch)
        })
      )
      assert.deepStrictEqual(numbers(), [
        [1, 2],
        [1, 2],
        [1, 2]
      ])
    })
  )

  it.effect("is so as well in the middle of its answer, and after another time where that is said", () =>
    Effect.gen(function* () {
      const silent = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"pa')) })
      const fiber = yield* Effect.fork(failureOf(scripted(reply(200, silent)).client, { timeout: "3 seconds" }))
      // The first piece comes through a promise.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust("3 seconds")
      assert.include((yield* fiber).message, "within 3s")
    })
  )
})

describe("records that a collector rejects", () => {
  const rejecting = (rejectedLogRecords: unknown, errorMessage?: string) =>
    reply(200, JSON.stringify({ partialSuccess: { rejectedLogRecords, errorMessage } }))

  const rejectedSoFar = Effect.map(Metric.snapshot, (pairs) =>
    pairs.flatMap(({ metricKey, metricState }) =>
      metricKey.name === "registrar_audit_otlp_rejected" &&
      metricKey.tags.some(({ value }) => value === "otlp http://collector.test") &&
      MetricState.isCounterState(metricState)
        ? [Number(metricState.count)]
        : []
    )
  )

  it.effect("are said and counted where it has the others, fail the batch once, and are not sent again", () =>
    listening((lines) =>
      Effect.gen(function* () {
        const { client, numbers } = scripted(rejecting("2", "too old\u001b"))
        const before = (yield* rejectedSoFar)[0] ?? 0
        yield* use(client, { maxBatch: { records: 3 } }, (sink) =>
          Effect.gen(function* () {
            const batch = records(1, 5)
            const error = yield* Effect.flip(sink.write(batch))
            // It goes away by itself.
            assert.strictEqual(error.reason, "Unavailable")
            assert.include(
              error.message,
              "has rejected 2 of 3 records, 2024-01-31T12:00:00.000Z, and does not tell which"
            )
            assert.include(error.message, "not sent again: too old\\u001b")
            assert.deepStrictEqual(
              lines.map(({ level, message }) => [level, message]),
              [["ERROR", error.message]]
            )
            yield* store(sink, batch)
          })
        )
        assert.deepStrictEqual(numbers(), [
          [1, 2, 3],
          [4, 5]
        ])
        assert.deepStrictEqual(yield* rejectedSoFar, [before + 2])
        assert.lengthOf(lines, 1)
      })
    )
  )

  it.effect("are named by their places in the chain, where they have one", () =>
    Effect.gen(function* () {
      let head: AuditChain.Head = { ...AuditChain.genesis, seq: 41 }
      const chained = Arr.map(records(1, 3), (record) => {
        const linked = AuditChain.link(head, record.line)
        head = linked.head
        return { ...record, line: linked.line }
      })
      const { client } = scripted(rejecting(1))
      const error = yield* use(client, {}, (sink) => Effect.flip(sink.write(chained)))
      assert.include(error.message, "1 of 3 records, from seq 42 to seq 44, and")
    }).pipe(quietly)
  )

  it.effect("are kept where it has none of them: nothing is doubled when they are sent again", () =>
    Effect.gen(function* () {
      for (const [rejected, batch, what] of [
        [3, records(1, 3), "rejects all 3 records"],
        ["4", records(1, 3), "rejects all 3 records"],
        [1, records(1, 1), "rejects the record"]
      ] as const) {
        const { client, requests } = scripted(rejecting(rejected, "no such tenant"))
        yield* use(client, {}, (sink) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(sink.write(batch))
            assert.strictEqual(error.reason, "Unwritable")
            assert.include(error.message, what)
            assert.include(error.message, ": no such tenant")
            yield* store(sink, batch)
          })
        )
        assert.lengthOf(requests, 2)
      }
    })
  )

  it.effect("are found also under the names of the file", () =>
    Effect.gen(function* () {
      const named = reply(200, '{"partial_success":{"rejected_log_records":1,"error_message":"no"}}')
      assert.include((yield* failureOf(scripted(named).client)).message, "rejected 1 of 3")
    }).pipe(quietly)
  )

  it.effect("are none where it only warns, which is said once", () =>
    listening((lines) =>
      Effect.gen(function* () {
        const warning = rejecting(0, "use gzip\n")
        const { client } = scripted(warning, warning, accepting, rejecting("-1", "other"))
        yield* use(client, { maxBatch: { records: 1 } }, (sink) => store(sink, records(1, 4)))
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [
            ["WARNING", "The collector of 'otlp http://collector.test' warns: use gzip\\n"],
            ["WARNING", "The collector of 'otlp http://collector.test' warns: other"]
          ]
        )
      })
    )
  )
})

describe("what is told in confidence", () => {
  const secret = "c0nfidential-t0ken"
  const headers = { authorization: Redacted.make(`Bearer ${secret}`), "x-key": "another-s3cret" }
  const withSecret = { token: secret, message: `with Bearer ${secret} and another-s3cret`, nested: { secret } }

  const failing =
    (cause: unknown): Reply =>
    (request) =>
      new HttpClientError.RequestError({ request, reason: "Transport", cause, description: `sent ${secret}` })

  const replies: Readonly<Record<string, Reply>> = {
    "an error of the client": failing(Object.assign(new Error(`sent ${secret}`), { config: withSecret })),
    "an error with a code that is none": failing({ code: `${secret}`, cause: withSecret }),
    "an error that throws": failing(
      new Proxy(
        {},
        {
          get: () => {
            throw new Error(secret)
          }
        }
      )
    ),
    "a defect": () => Effect.die(new Error(`sent ${secret}`)),
    "a refusal that quotes it": reply(401, JSON.stringify({ message: `unknown token ${secret}` })),
    "a failure that quotes it": reply(500, JSON.stringify({ message: `${withSecret.message}, a ${secret}` })),
    "a rejection that quotes it": reply(
      200,
      JSON.stringify({ partialSuccess: { rejectedLogRecords: 1, errorMessage: withSecret.message } })
    ),
    "a warning that quotes it": reply(200, JSON.stringify({ partialSuccess: { errorMessage: withSecret.message } }))
  }
  for (const [what, answer] of Object.entries(replies)) {
    it.effect(`is not shown by ${what}`, () =>
      listening((lines) =>
        Effect.gen(function* () {
          const spans: Array<Tracer.Span> = []
          const own = yield* Effect.tracer
          const tracer = Tracer.make({
            context: own.context.bind(own),
            span: (...args) => {
              const span = own.span(...args)
              spans.push(span)
              return span
            }
          })
          const { client, requests } = scripted(answer)
          const exit = yield* use(client, { headers }, (sink) => Effect.exit(sink.write(records(1, 3)))).pipe(
            Effect.tapErrorCause(Effect.logError),
            Effect.withTracer(tracer),
            Effect.withSpan("outer")
          )
          assert.strictEqual(requests[0]!.headers["authorization"], `Bearer ${secret}`)
          const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
          const shown = [
            Cause.pretty(cause, { renderErrorCause: true }),
            JSON.stringify(cause),
            Inspectable.toStringUnknown(Cause.squash(cause)),
            JSON.stringify(lines)
          ].join("\n")
          assert.notInclude(shown, "another-s3cret")
          assert.notInclude(shown, secret)
          // Not even a span, which would show all headers, and go on to the collector.
          assert.lengthOf(spans, 0)
          assert.notProperty(requests[0]!.headers, "traceparent")
        })
      )
    )
  }

  it.effect("leaves of an error of the system its code", () =>
    Effect.gen(function* () {
      const refused = Object.assign(new TypeError("fetch failed"), {
        cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" })
      })
      const error = yield* failureOf(scripted(failing(refused)).client)
      assert.strictEqual(error.reason, "Unavailable")
      assert.include(error.message, "cannot be reached (ECONNREFUSED): see that it runs")
      const untrusted = Object.assign(new Error("self-signed"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      const insecure = yield* failureOf(scripted(failing(untrusted)).client)
      assert.strictEqual(insecure.reason, "Misconfigured")
      assert.include(insecure.message, "(DEPTH_ZERO_SELF_SIGNED_CERT): correct its certificate")
      assert.include((yield* failureOf(scripted(() => Effect.dieMessage("bug")).client)).message, "has a defect")
    })
  )
})

describe("make", () => {
  const refuses = (options: Partial<Otlp.Options>) => Effect.flip(use(scripted().client, options, () => Effect.void))

  it.effect("refuses a URL that is none, or holds a password, without showing it", () =>
    Effect.gen(function* () {
      for (const wrong of ["", "collector:4318", "/v1/logs", "ftp://collector/v1/logs", "file:///etc/passwd"]) {
        const error = yield* refuses({ url: wrong })
        assert.strictEqual(error.reason, "Misconfigured")
        assert.include(error.message, "http://localhost:4318/v1/logs")
      }
      const error = yield* refuses({ url: "https://ada:s3cret@collector/v1/logs" })
      assert.include(error.message, "put it into the headers")
      assert.notInclude(error.message, "s3cret")
    })
  )

  it.effect("refuses a header that cannot be sent, without showing what is in it", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { "x-key": "s3cret\nx: y" },
        { "x-key": Redacted.make("s3cret\u0000") },
        { "x key": "s3cret" }
      ]) {
        const error = yield* refuses({ headers: wrong })
        assert.strictEqual(error.reason, "Misconfigured")
        assert.include(error.message, `the header "${Object.keys(wrong)[0]}"`)
        assert.notInclude(error.message, "s3cret")
      }
    })
  )

  it.effect("shows of the URL only whose it is", () =>
    Effect.gen(function* () {
      const { client } = scripted(reply(500))
      const error = yield* failureOf(client, { url: "https://in.test:8443/t0ken/v1/logs?key=t0ken" })
      assert.include(error.message, "'otlp https://in.test:8443'")
      assert.notInclude(JSON.stringify(error), "t0ken")
    })
  )

  it.effect("succeeds without a collector, and its layer fails with what is wrong", () =>
    Effect.gen(function* () {
      const layer = (url: string) => Layer.provide(Otlp.layer({ url }), FetchHttpClient.layer)
      yield* Effect.scoped(Layer.build(layer("http://127.0.0.1:1/v1/logs")))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer("nothing"))))
      assert.instanceOf(error, AuditSinkError)
    })
  )
})

describe("config", () => {
  const read = (variables: Readonly<Record<string, string>>) =>
    Effect.withConfigProvider(Otlp.config, ConfigProvider.fromMap(new Map(Object.entries(variables))))

  const urls: ReadonlyArray<readonly [variables: Readonly<Record<string, string>>, url: string]> = [
    [{}, "http://localhost:4318/v1/logs"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, "http://c:4318/v1/logs"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/mine/" }, "http://c:4318/mine/v1/logs"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: " http://c/mine//?key=1 " }, "http://c/mine/v1/logs?key=1"],
    [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://c:4318" }, "http://c:4318/"],
    [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://c/x/", OTEL_EXPORTER_OTLP_ENDPOINT: "http://d" }, "https://c/x/"],
    [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "", OTEL_EXPORTER_OTLP_ENDPOINT: "http://d" }, "http://d/v1/logs"]
  ]
  it.effect("has the URL that the specification makes of the endpoints", () =>
    Effect.gen(function* () {
      for (const [variables, url] of urls) assert.strictEqual((yield* read(variables)).url, url)
    })
  )

  it.effect("has headers that stay hidden, and what else is given", () =>
    Effect.gen(function* () {
      const options = yield* read({
        OTEL_EXPORTER_OTLP_HEADERS: "authorization = Bearer%20abc%3D%3D , x-tenant=a=b,,",
        OTEL_EXPORTER_OTLP_TIMEOUT: "2500",
        OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
        OTEL_SERVICE_NAME: "shop",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=other,service.version=1.2,note=a%2Cb%20%C3%A9,x%3Dy=z"
      })
      assert.deepStrictEqual(Object.keys(options.headers ?? {}), ["authorization", "x-tenant"])
      const values = Object.values(options.headers ?? {}).map((value) =>
        Redacted.isRedacted(value) ? Redacted.value(value) : assert.fail("shown")
      )
      assert.deepStrictEqual(values, ["Bearer abc==", "a=b"])
      assert.notInclude(Inspectable.toStringUnknown(options), "abc")
      assert.strictEqual(Duration.toMillis(options.timeout ?? 0), 2500)
      assert.strictEqual(options.compress, true)
      assert.strictEqual(options.resource?.serviceName, "shop")
      assert.deepStrictEqual(options.resource?.attributes, {
        "service.name": "other",
        "service.version": "1.2",
        note: "a,b \u00e9",
        "x=y": "z"
      })
    })
  )

  it.effect("has what logs are given for themselves, and what the options have by default", () =>
    Effect.gen(function* () {
      const options = yield* read({
        OTEL_EXPORTER_OTLP_LOGS_HEADERS: "a=1",
        OTEL_EXPORTER_OTLP_HEADERS: "b=2",
        OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "0",
        OTEL_EXPORTER_OTLP_TIMEOUT: "5",
        OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "none",
        OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
        OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=other"
      })
      assert.deepStrictEqual(Object.keys(options.headers ?? {}), ["a"])
      assert.isFalse(Duration.isFinite(Duration.decode(options.timeout ?? 0)))
      assert.strictEqual(options.compress, false)
      assert.strictEqual(options.resource?.serviceName, "other")
      const nothing = yield* read({ OTEL_EXPORTER_OTLP_HEADERS: "  ", OTEL_SERVICE_NAME: "" })
      assert.deepStrictEqual(nothing, {
        url: "http://localhost:4318/v1/logs",
        headers: undefined,
        timeout: undefined,
        compress: undefined,
        resource: { serviceName: "unknown_service", attributes: {} }
      })
    })
  )

  const wrong: ReadonlyArray<readonly [key: string, value: string]> = [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "s3cret"],
    ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "s3cret"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "s3cret"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%s3cret"],
    ["OTEL_EXPORTER_OTLP_LOGS_HEADERS", "=s3cret"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "-1"],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"],
    ["OTEL_RESOURCE_ATTRIBUTES", "a=1,b"],
    ["OTEL_RESOURCE_ATTRIBUTES", "a=%zz"]
  ]
  for (const [key, value] of wrong) {
    it.effect(`refuses ${key}=${value}, naming the key and not the value`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(read({ [key]: value }))
        assert.isTrue(ConfigError.isConfigError(error))
        assert.include(String(error), key)
        assert.include(String(error), "Expected ")
        assert.notInclude(String(error), "s3cret")
      })
    )
  }

  it.scopedLive("makes a layer", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      const provider = ConfigProvider.fromMap(
        new Map([
          ["OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.replace("/v1/logs", "")],
          ["OTEL_SERVICE_NAME", "shop"]
        ])
      )
      const layer = Otlp.layerConfig().pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provide(Layer.setConfigProvider(provider))
      )
      const batch = records(1, 2)
      yield* Effect.provide(
        Effect.flatMap(AuditSink, (sink) => store(sink, batch)),
        layer
      )
      assert.deepStrictEqual(
        yield* collector.lines,
        batch.map(({ line }) => line)
      )
      const [{ resource }] = collector.received[0]!.request.resourceLogs
      assert.deepStrictEqual(attributesOf(resource.attributes), { "service.name": "shop" })
    })
  )
})

const clients = {
  "of fetch": FetchHttpClient.layer,
  "of node:http": NodeHttpClient.layer,
  "of undici": NodeHttpClient.layerUndici
}

describe("a request", () => {
  for (const [which, client] of Object.entries(clients)) {
    it.scopedLive(`arrives with each client: that ${which}`, () =>
      Effect.gen(function* () {
        const collector = yield* Collector.make
        const batch = records(1, 1000)
        for (const compress of [false, true]) {
          const sink = yield* Otlp.make({ url: collector.url, headers: { "x-key": "1" }, compress })
          yield* store(sink, batch)
        }
        const lines = batch.map(({ line }) => line)
        assert.deepStrictEqual(yield* collector.lines, [...lines, ...lines])
        for (const { headers, method, url } of collector.received) {
          assert.deepStrictEqual([method, url, headers["x-key"]], ["POST", "/v1/logs", "1"])
          assert.strictEqual(headers["content-type"], "application/json")
        }
        const sizes = collector.received.map(({ bytes, headers }) => [headers["content-encoding"], bytes] as const)
        assert.deepStrictEqual(
          sizes.map(([encoding]) => encoding),
          [undefined, undefined, "gzip", "gzip"]
        )
        assert.isBelow(sizes[2]![1] * 5, sizes[0]![1])
      }).pipe(Effect.provide(client))
    )
  }
})
