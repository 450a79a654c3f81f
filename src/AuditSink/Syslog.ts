/**
 * Audit records to a syslog server, over TCP or TLS, as RFC 5424 messages: see `AuditFormat/Syslog`.
 *
 * Syslog has no acknowledgement. `write` succeeds once the operating system has taken the whole batch, and `sync` while the connection
 * that it went over is still there: what was on the way when the server or the network broke is lost, and nobody is told. A batch
 * that could not be sent, or whose connection is gone before `sync`, is sent again as a whole, on a new connection, and the server
 * may get a part of it twice. Datagrams (UDP) would lose more and tell less, and are not here.
 *
 * It is connected when it is opened, so that a wrong address or certificate is found at the start, and later with the next batch
 * after the connection was lost.
 *
 * @example
 * import { AuditSink } from "effect-registrar"
 * import * as FileSink from "effect-registrar/AuditSink/File"
 * import * as SyslogSink from "effect-registrar/AuditSink/Syslog"
 *
 * const sink = AuditSink.combine(
 *   FileSink.layer({ path: "audit.log.jsonl" }),
 *   SyslogSink.layer({ host: "siem.example.com", port: 6514, tls: true }).pipe(AuditSink.bestEffort())
 * )
 */
import { Deferred, Duration, Effect, FiberId, Layer, type Scope } from "effect"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Tls from "node:tls"
import * as Syslog from "../AuditFormat/Syslog.js"
import { AuditSink, AuditSinkError, type Batch, type Service } from "../AuditSink.js"

/**
 * What the message says is the format's to decide: `facility`, `hostname` (default: that of this machine), `appName`, `procId` (default: the id of
 * this process), `message`, …
 *
 * @category models
 */
export interface Options extends Syslog.Options {
  readonly host: string
  /** 6514 is registered for TLS, 601 for TCP, and 514 is what many servers listen at. */
  readonly port: number
  /** TLS, with Node's options for it: `ca`, `cert`, `key`, `servername`, … Default: `false`. */
  readonly tls?: boolean | Tls.ConnectionOptions | undefined
  /** How messages are told apart (RFC 6587): by their length before each, which RFC 5425 demands, or by line ends. Default: by length. */
  readonly framing?: "octet-counting" | "newline" | undefined
  /** Default: 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * How long a new connection has to last before anything is sent over it: who refuses it after all, a server of TLS 1.3 that does not
   * know our certificate, or a balancer that has no server, does so at once. Default: 250 milliseconds.
   */
  readonly trustAfter?: Duration.DurationInput | undefined
  /** How long the server may take nothing of a batch, before it counts as gone. Default: 30 seconds. */
  readonly writeTimeout?: Duration.DurationInput | undefined
  /** How long closing waits for the server to close as well. Default: 5 seconds. */
  readonly closeWithin?: Duration.DurationInput | undefined
}

/**
 * Connects until the scope is closed.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, AuditSinkError, Scope.Scope> =>
  Effect.gen(function* () {
    const { closeWithin = "5 seconds", connectTimeout = "10 seconds", framing } = options
    const { trustAfter = "250 millis", writeTimeout = "30 seconds" } = options
    const place = placeOf(options)
    const format = Syslog.make({
      ...options,
      hostname: options.hostname ?? Os.hostname(),
      procId: options.procId ?? String(process.pid)
    })
    const frame = framing === "newline" ? byLineEnd : byLength

    let connection: Connection | undefined
    /** What carries what is not synced yet. */
    let carrier: Connection | undefined
    let isClosed = false

    const connected: Effect.Effect<Connection, AuditSinkError> = Effect.suspend(() => {
      if (isClosed) return unavailable(place, "It is closed: the program is ending")
      if (connection?.isOpen() === true) return Effect.succeed(connection)
      connection?.destroy()
      // Held at once: an interruption could come between.
      return connect(options, (made) => (connection = made)).pipe(
        Effect.timeoutFail({
          duration: connectTimeout,
          onTimeout: () => unavailable(place, `It does not answer within ${Duration.format(connectTimeout)}`)
        }),
        Effect.tap((made) => Effect.raceFirst(made.gone, Effect.sleep(trustAfter)))
      )
    })

    const send = (to: Connection, bytes: Uint8Array) =>
      Effect.timeoutFail(to.send(bytes), {
        duration: writeTimeout,
        onTimeout: () => unavailable(place, `It has taken nothing for ${Duration.format(writeTimeout)}`)
      })

    const write = (batch: Batch) =>
      Effect.gen(function* () {
        const to = yield* connected
        carrier = to
        const bytes = Buffer.from(batch.map((record) => frame(format.line(record))).join(""))
        for (let at = 0; at < bytes.length; at += pieceSize) yield* send(to, bytes.subarray(at, at + pieceSize))
      }).pipe(
        // Nothing may follow what was sent in part.
        Effect.onError(() => Effect.sync(() => connection?.destroy()))
      )

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isClosed = true
        return connection?.close ?? Effect.void
      }).pipe(
        // A finalizer is uninterruptible, and so would be the end of the wait.
        Effect.interruptible,
        Effect.timeoutOption(closeWithin),
        Effect.ensuring(Effect.sync(() => connection?.destroy()))
      )
    )
    yield* connected

    return {
      write,
      sync: Effect.suspend(() => {
        const broken = carrier?.isOpen() === false
        carrier = undefined
        return broken ? unavailable(place, "The connection is gone, and maybe what was sent last over it") : Effect.void
      })
    }
  })

/**
 * The sink as a Layer, connected for as long as the Layer is.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<AuditSink, AuditSinkError> =>
  Layer.scoped(AuditSink, make(options))

// Framing

/** Messages are one line, and so have no line end themselves. */
const byLineEnd = (message: string): string => `${message}\n`

const byLength = (message: string): string => `${Buffer.byteLength(message)} ${message}`

/** So much is on its way at once, and `writeTimeout` is for each such piece: a slow server is not one that is gone. */
const pieceSize = 64 * 1024

// Connection

interface Connection {
  readonly isOpen: () => boolean
  /** Fails once it is not any more. */
  readonly gone: Effect.Effect<never, AuditSinkError>
  /** Succeeds once the operating system has all bytes. Interrupted or failed, the connection is of no more use. */
  readonly send: (bytes: Uint8Array) => Effect.Effect<void, AuditSinkError>
  /** Says goodbye, and waits for the other side to do so too. */
  readonly close: Effect.Effect<void>
  readonly destroy: () => void
}

const connect = (options: Options, hold: (made: Connection) => void): Effect.Effect<Connection, AuditSinkError> =>
  Effect.async((resume) => {
    const place = placeOf(options)
    const open = () => {
      const { host, port, tls = false } = options
      return tls === false
        ? Net.connect({ host, port })
        : Tls.connect({ host, port, ...(tls === true ? undefined : tls) })
    }
    let socket: Net.Socket
    try {
      socket = open()
    } catch (cause) {
      // A port that is none, a key that cannot be read.
      return resume(misconfigured(place, `The options cannot be used: ${messageOf(cause)}`, cause))
    }
    socket.on("error", (cause) => resume(errorOf(place, cause)))
    socket.on("close", () => resume(unavailable(place, "It has closed the connection before it was ready")))
    socket.once(socket instanceof Tls.TLSSocket ? "secureConnect" : "connect", () => {
      const made = use(socket, place)
      hold(made)
      resume(Effect.succeed(made))
    })
    return Effect.sync(() => socket.destroy())
  })

const use = (socket: Net.Socket, place: string): Connection => {
  const ended = Deferred.unsafeMake<never, AuditSinkError>(FiberId.none)
  const closed = Deferred.unsafeMake<void>(FiberId.none)
  let isOpen = true
  const end = (error: AuditSinkError) => {
    isOpen = false
    // The first to say so knows why.
    Deferred.unsafeDone(ended, error)
  }
  // A server that says nothing more is about to close: what is sent after that, it does not read.
  socket.on("end", () => end(unavailable(place, "It has closed the connection")))
  socket.on("error", (cause) => end(errorOf(place, cause)))
  socket.on("close", () => {
    end(unavailable(place, "The connection is gone"))
    Deferred.unsafeDone(closed, Effect.void)
  })
  // Unread, what it says would hide its end.
  socket.resume()
  socket.setKeepAlive(true, keepAliveAfter)
  socket.setNoDelay(true)
  return {
    isOpen: () => isOpen,
    gone: Deferred.await(ended),
    send: (bytes) =>
      Effect.async((resume) => {
        if (!isOpen) return resume(Deferred.await(ended))
        // Called with an error as well where the connection is closed meanwhile.
        socket.write(bytes, (cause) => {
          if (cause) end(errorOf(place, cause))
          resume(cause ? Deferred.await(ended) : Effect.void)
        })
        return Effect.sync(() => socket.destroy())
      }),
    close: Effect.suspend(() => {
      if (socket.destroyed) return Effect.void
      socket.end()
      return Deferred.await(closed)
    }),
    destroy: () => {
      end(unavailable(place, "The connection is gone"))
      socket.destroy()
    }
  }
}

/** In milliseconds: a connection over which nothing goes is tested, so that one without another end is found. */
const keepAliveAfter = 30_000

// Errors

const placeOf = ({ host, port }: Options): string => `syslog ${host}:${port}`

const unavailable = (sink: string, description: string, cause?: unknown) =>
  new AuditSinkError({ sink, reason: "Unavailable", description, cause })

const misconfigured = (sink: string, description: string, cause: unknown) =>
  new AuditSinkError({ sink, reason: "Misconfigured", description, cause })

const errorOf = (place: string, cause: unknown): AuditSinkError => {
  const code = codeOf(cause)
  if (code === "ECONNREFUSED") {
    return unavailable(place, "Nothing listens there: start the syslog server, or correct the address", cause)
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return unavailable(place, "Its name cannot be resolved: correct it, or see to the DNS", cause)
  }
  if (code.includes("_ALERT_")) {
    const remedy = "see whether it asks for a certificate, and give it as 'tls.cert' and 'tls.key'"
    return misconfigured(place, `It refuses to speak TLS with this program (${code}): ${remedy}`, cause)
  }
  if (ofCertificates.test(code)) {
    const remedy = "give the authority that has signed it as 'tls.ca', or correct the name"
    return misconfigured(place, `Its certificate is not accepted (${code}): ${remedy}`, cause)
  }
  if (/^ERR_SSL_|^EPROTO$/.test(code)) {
    return misconfigured(
      place,
      `TLS is not agreed upon (${code}): see whether it is what listens there, and 'tls'`,
      cause
    )
  }
  return unavailable(place, `The connection broke: ${messageOf(cause)}`, cause)
}

const ofCertificates = /CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|HOSTNAME_MISMATCH/

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
