import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope, TestClock } from "effect"
import { hostname } from "node:os"
import * as AuditFormat from "../../src/AuditFormat.js"
import type { Contents } from "../../src/AuditRecord.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import type { Batch, Service } from "../../src/AuditSink.js"
import * as SyslogSink from "../../src/AuditSink/Syslog.js"
import { describeSink, type Subject } from "../support/sinkContract.js"
import { elsewhere, local } from "./certificates.js"
import { type Server, start, untilTrue } from "./syslogServer.js"
import { record, records, store } from "./testRecords.js"

const open = (server: { readonly port: number }, options: Partial<SyslogSink.Options> = {}) =>
  SyslogSink.make({ host: "127.0.0.1", port: server.port, trustAfter: 0, ...options })

const numbersIn = (messages: ReadonlyArray<string>) =>
  messages.map((message) => Number(/number="(\d+)"/.exec(message)?.[1]))

const failure = <A>(effect: Effect.Effect<A, { readonly message: string; readonly reason: string }, Scope.Scope>) =>
  Effect.map(Effect.flip(Effect.scoped(effect)), ({ message, reason }) => ({ message, reason }))

/** Records that are too many for the buffers of a connection. */
const heavy = (count = 100): Batch => {
  const [first, ...others] = Array.from({ length: count }, (_, index) =>
    AuditRecord.make({
      ...record(index),
      message: "x".repeat(300_000),
      event: { type: "heavy", details: { number: index } }
    })
  )
  return [first!, ...others]
}

// What every sink promises

const subject = (tls: boolean, options: Partial<SyslogSink.Options> = {}): Subject => ({
  place: Effect.map(start(tls ? { tls: local } : {}), (server) => ({
    layer: SyslogSink.layer({
      host: "127.0.0.1",
      port: server.port,
      // What is stored is the stored line, which can be read again.
      message: AuditFormat.stored,
      trustAfter: 0,
      tls: tls && { ca: local.cert },
      ...options
    }),
    stored: Effect.map(server.settled, () =>
      server.messages().map((message): Contents => JSON.parse(message.slice(message.indexOf('{"level"'))))
    )
  })),
  knowsWhatItHas: false
})

describeSink("syslog over TCP", subject(false))
describeSink("syslog over TCP, with line ends", subject(false, { framing: "newline" }))
describeSink("syslog over TLS", subject(true))

describe("what is sent", () => {
  const details = { name: "Žofie 👩‍👩‍👧", text: "a\nb" }
  const hostile = AuditRecord.make({ ...record(1), message: "Žofie\nlogs in", event: { type: "test", details } })

  for (const framing of ["octet-counting", "newline"] as const) {
    it.scopedLive(`is told apart by ${framing}`, () =>
      Effect.gen(function* () {
        const server = yield* start()
        const sink = yield* open(server, { framing })
        yield* store(sink, [hostile, record(2)])
        yield* server.settled
        const messages = server.messages()
        assert.lengthOf(messages, 2)
        assert.include(messages[0]!, 'name="Žofie 👩‍👩‍👧"')
        assert.include(messages[0]!, "\ufeffŽofie\\u000alogs in")
        const expected =
          framing === "newline"
            ? messages.map((message) => `${message}\n`)
            : messages.map((message) => `${Buffer.byteLength(message)} ${message}`)
        assert.deepStrictEqual(server.received, [expected.join("")])
      })
    )
  }

  it.scopedLive("names this machine and this process, or what the options say", () =>
    Effect.gen(function* () {
      const server = yield* start()
      yield* store(yield* open(server), [record(1)])
      const options = {
        hostname: "web-1",
        procId: "p",
        appName: "mine",
        facility: "local3",
        enterpriseNumber: 1
      } as const
      yield* store(yield* open(server, options), [record(2)])
      yield* server.settled
      const [one = "", two = ""] = server.messages()
      assert.strictEqual(
        one.slice(0, one.indexOf(" [")),
        `<110>1 2024-01-31T12:00:00.000Z ${hostname()} test ${process.pid} test-event`
      )
      assert.include(two, "<158>1 2024-01-31T12:00:00.000Z web-1 mine p test-event [registrar@1 ")
    })
  )
})

describe("a connection that is lost", () => {
  it.scopedLive("is made again when the server has closed it between two batches", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const sink = yield* open(server)
      yield* store(sink, records(1, 2))
      yield* server.settled
      // What it says is not for us, and must not hide that it goes.
      server.sockets[0]!.end("goodbye\r\n")
      // It is closed when the other side has answered the end.
      yield* server.closed(0)
      yield* store(sink, records(3, 4))
      yield* server.settled
      assert.deepStrictEqual(numbersIn(server.messages()), [1, 2, 3, 4])
      assert.lengthOf(server.sockets, 2)
    })
  )

  it.scopedLive("fails the sync of what went over it, and the batch is sent again as a whole", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const sink = yield* open(server)
      yield* sink.write(records(1, 2))
      yield* server.connected(1)
      server.sockets[0]!.resetAndDestroy()
      yield* turns(50)
      const error = yield* Effect.flip(sink.sync)
      assert.deepInclude(error, {
        reason: "Unavailable",
        description: "The connection is gone, and maybe what was sent last over it"
      })
      yield* store(sink, records(1, 3))
      yield* server.settled
      assert.deepStrictEqual(numbersIn(messagesOf(server, 1)), [1, 2, 3])
    })
  )

  it.scopedLive("in the middle of a batch fails it, and nothing follows what was sent of it", () =>
    Effect.gen(function* () {
      const server = yield* start({ isPaused: true })
      const sink = yield* open(server)
      const batch = heavy()
      const writing = yield* Effect.fork(Effect.flip(sink.write(batch)))
      yield* server.connected(1)
      server.sockets[0]!.resetAndDestroy()
      const error = yield* Fiber.join(writing)
      assert.strictEqual(error.reason, "Unavailable")
      assert.match(error.message, /^The audit sink 'syslog 127\.0\.0\.1:\d+' failed: The connection (broke|is gone)/)
      const again = yield* Effect.fork(store(sink, batch))
      yield* server.connected(2)
      server.sockets[1]!.resume()
      yield* Fiber.join(again)
      yield* server.settled
      assert.deepStrictEqual(
        numbersIn(server.messages()),
        batch.map(({ event }) => event.details["number"])
      )
    })
  )

  it.scopedLive("is not there while the server is away, and is when it is back", () =>
    Effect.gen(function* () {
      const first = yield* start()
      const sink = yield* open(first)
      yield* store(sink, records(1, 1))
      yield* first.settled
      yield* first.stop
      yield* untilFails(sink, records(2, 2))
      const error = yield* Effect.flip(sink.write(records(2, 2)))
      assert.strictEqual(error.reason, "Unavailable")
      assert.include(error.message, "Nothing listens there: start the syslog server, or correct the address")
      const second = yield* start({ port: first.port })
      yield* store(sink, records(2, 3))
      yield* second.settled
      assert.deepStrictEqual(numbersIn(second.messages()), [2, 3])
    })
  )

  it.scopedLive("by an interruption in the middle of a batch is made again", () =>
    Effect.gen(function* () {
      const server = yield* start({ isPaused: true })
      const sink = yield* open(server)
      const writing = yield* Effect.fork(sink.write(heavy()))
      yield* server.connected(1)
      yield* turns(50)
      yield* Fiber.interrupt(writing)
      yield* store(sink, records(1, 2))
      yield* server.connected(2)
      server.sockets[1]!.resume()
      yield* server.settled
      assert.deepStrictEqual(numbersIn(messagesOf(server, 1)), [1, 2])
    })
  )
})

/** What was sent before it is known that the connection is gone. */
const untilFails = (sink: Service, batch: Batch) =>
  Effect.flip(Effect.forever(Effect.zipRight(store(sink, batch), turns(1))))

const turns = (count: number) => {
  let left = count
  return untilTrue(() => left-- === 0)
}

const messagesOf = (server: Server, nth: number) =>
  server.received[nth]!.split(/(?=<\d+>1 )/).filter((part) => part.startsWith("<"))

describe("a server that is slow", () => {
  it.scopedLive("holds the writer up until it has taken everything", () =>
    Effect.gen(function* () {
      const server = yield* start({ isPaused: true })
      const sink = yield* open(server)
      const batch = heavy()
      const writing = yield* Effect.fork(store(sink, batch))
      yield* server.connected(1)
      yield* turns(200)
      assert.isNull(writing.unsafePoll())
      server.sockets[0]!.resume()
      yield* Fiber.join(writing)
      yield* server.settled
      assert.lengthOf(server.messages(), batch.length)
    })
  )

  it.scoped("counts as gone when it takes nothing for as long as the option says, and no sooner", () =>
    Effect.gen(function* () {
      const server = yield* start({ isPaused: true })
      const sink = yield* open(server, { writeTimeout: "7 seconds" })
      const writing = yield* Effect.fork(Effect.flip(sink.write(heavy())))
      yield* server.connected(1)
      yield* turns(200)
      yield* TestClock.adjust("6999 millis")
      assert.isNull(writing.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(writing), {
        reason: "Unavailable",
        description: "It has taken nothing for 7s"
      })
      const again = yield* Effect.fork(store(sink, records(1, 2)))
      yield* server.connected(2)
      server.sockets[1]!.resume()
      yield* Fiber.join(again)
      yield* server.settled
      assert.deepStrictEqual(numbersIn(messagesOf(server, 1)), [1, 2])
    })
  )
})

describe("opening", () => {
  it.live("fails with a sentence where nobody listens", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(Effect.map(start(), (server) => server.port))
      assert.deepStrictEqual(yield* failure(open({ port })), {
        reason: "Unavailable",
        message: `The audit sink 'syslog 127.0.0.1:${port}' failed: Nothing listens there: start the syslog server, or correct the address`
      })
    })
  )

  it.effect("fails where nobody answers in time", () =>
    Effect.gen(function* () {
      const server = yield* start({ isMute: true })
      const opening = yield* Effect.fork(failure(open(server, { tls: true, connectTimeout: "3 seconds" })))
      yield* server.connected(1)
      yield* TestClock.adjust("2999 millis")
      assert.isNull(opening.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(opening), { reason: "Unavailable" })
      // Nothing is left of the attempt.
      yield* server.closed(0)
    }).pipe(Effect.scoped)
  )

  it.effect("sends nothing over a connection that does not last", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const opening = yield* Effect.fork(failure(open(server, { trustAfter: "100 millis" })))
      yield* server.connected(1)
      yield* TestClock.adjust("99 millis")
      assert.isNull(opening.unsafePoll())
      server.sockets[0]!.end()
      assert.deepStrictEqual(yield* Fiber.join(opening), {
        reason: "Unavailable",
        message: `The audit sink 'syslog 127.0.0.1:${server.port}' failed: It has closed the connection`
      })
      const lasting = yield* Effect.fork(open(server, { trustAfter: "100 millis" }))
      yield* server.connected(2)
      yield* untilTrue(() => server.sockets[1]!.readyState === "open")
      yield* turns(20)
      yield* TestClock.adjust("100 millis")
      yield* store(yield* Fiber.join(lasting), records(1, 2))
      yield* server.settled
      assert.deepStrictEqual(numbersIn(server.messages()), [1, 2])
    }).pipe(Effect.scoped)
  )

  it.effect("can be interrupted, and leaves nothing", () =>
    Effect.gen(function* () {
      const server = yield* start({ isMute: true })
      const opening = yield* Effect.fork(Effect.scoped(open(server, { tls: true })))
      yield* server.connected(1)
      yield* Fiber.interrupt(opening)
      yield* server.closed(0)
    }).pipe(Effect.scoped)
  )

  it.live("fails where the options make no sense, and shows no key", () =>
    Effect.gen(function* () {
      const key = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"
      for (const error of [
        yield* failure(open({ port: 70_000 })),
        yield* failure(open({ port: 6514 }, { tls: { key, cert: local.cert } }))
      ]) {
        assert.strictEqual(error.reason, "Misconfigured")
        assert.include(error.message, "The options cannot be used: ")
        assert.notInclude(error.message, "secret")
      }
    })
  )
})

describe("TLS", () => {
  it.live("refuses a certificate that nobody vouches for, or that is for another name", () =>
    Effect.gen(function* () {
      const server = yield* start({ tls: local })
      const self = yield* failure(open(server, { tls: true }))
      assert.strictEqual(self.reason, "Misconfigured")
      assert.include(self.message, "Its certificate is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT): give the authority")
      const other = yield* start({ tls: elsewhere })
      const name = yield* failure(open(other, { tls: { ca: elsewhere.cert } }))
      assert.strictEqual(name.reason, "Misconfigured")
      assert.include(name.message, "ERR_TLS_CERT_ALTNAME_INVALID")
      for (const { received } of [server, other]) assert.deepStrictEqual(received.join(""), "")
    }).pipe(Effect.scoped)
  )

  it.live("takes the options of Node: another name, a certificate of one's own", () =>
    Effect.gen(function* () {
      const server = yield* start({
        tls: { ...elsewhere, requestCert: true, rejectUnauthorized: true, ca: local.cert }
      })
      const tls = { ca: elsewhere.cert, servername: "elsewhere.example" }
      yield* Effect.scoped(
        Effect.flatMap(open(server, { tls: { ...tls, ...local } }), (sink) => store(sink, records(1, 2)))
      )
      yield* server.settled
      assert.deepStrictEqual(numbersIn(server.messages()), [1, 2])
      // In TLS 1.3 the server refuses after the handshake.
      const refused = yield* failure(open(server, { tls, trustAfter: "10 seconds" }))
      assert.strictEqual(refused.reason, "Misconfigured")
      assert.include(refused.message, "see whether it asks for a certificate, and give it as 'tls.cert' and 'tls.key'")
      assert.deepStrictEqual(numbersIn(server.messages()), [1, 2])
    }).pipe(Effect.scoped)
  )

  it.live("says so where the server speaks something else", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const opening = yield* Effect.fork(failure(open(server, { tls: true })))
      yield* server.connected(1)
      server.sockets[0]!.end("220 mail.example.com ESMTP\r\n")
      const error = yield* Fiber.join(opening)
      assert.strictEqual(error.reason, "Misconfigured")
      assert.include(error.message, "see whether it is what listens there, and 'tls'")
    }).pipe(Effect.scoped)
  )
})

describe("closing", () => {
  for (const tls of [false, true]) {
    it.live(`gets everything over${tls ? " TLS" : ""}, and tells the server`, () =>
      Effect.gen(function* () {
        const server = yield* start(tls ? { tls: local } : {})
        const batch = heavy(20)
        yield* Effect.scoped(
          Effect.flatMap(open(server, { tls: tls && { ca: local.cert } }), (sink) => store(sink, batch))
        )
        yield* server.closed(0)
        assert.lengthOf(server.messages(), batch.length)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("does not wait longer than it may for a server that stays", () =>
    Effect.gen(function* () {
      const server = yield* start({ allowHalfOpen: true })
      const scope = yield* Scope.make()
      const sink = yield* Scope.extend(open(server, { closeWithin: "2 seconds" }), scope)
      yield* store(sink, records(1, 2))
      yield* server.settled
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* untilTrue(() => server.sockets[0]!.readableEnded)
      yield* TestClock.adjust("1999 millis")
      assert.isNull(closing.unsafePoll())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(numbersIn(server.messages()), [1, 2])
    }).pipe(Effect.scoped)
  )

  it.live("takes nothing more afterwards, and connects no more", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const sink = yield* Effect.scoped(open(server))
      const error = yield* Effect.flip(sink.write(records(1, 1)))
      assert.deepInclude(error, { reason: "Unavailable", description: "It is closed: the program is ending" })
      assert.lengthOf(server.sockets, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is what the end of the Layer does", () =>
    Effect.gen(function* () {
      const server = yield* start()
      yield* Effect.scoped(Layer.build(SyslogSink.layer({ host: "127.0.0.1", port: server.port })))
      yield* server.closed(0)
    }).pipe(Effect.scoped)
  )
})
