/**
 * A connection to NATS that lasts as long as its scope. It mends itself: what is asked meanwhile waits, but not for long.
 */
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream"
import {
  connect,
  createInbox,
  credsAuthenticator,
  PermissionViolationError,
  type NatsConnection,
  type NodeConnectionOptions
} from "@nats-io/transport-node"
import { Array as Arr, Duration, Effect, Either, Option, Redacted, type Scope } from "effect"
import type { AuditStoreError } from "../AuditStore.js"
import * as Failure from "./Failure.js"

/**
 * @category models
 */
export interface Options {
  /**
   * The server, such as `"nats://nats-1:4222"`, or several of one cluster, of which any will do. `nats://user:password@…` and
   * `nats://token@…` say who asks as well, and `tls://…` asks for TLS.
   */
  readonly servers: Address | ReadonlyArray<Address>
  /** The text of a credentials file: a JWT and its seed. */
  readonly credentials?: Redacted.Redacted | undefined
  /** What else the driver knows, such as `tls` or an `authenticator`. */
  readonly connection?: Omit<NodeConnectionOptions, "servers"> | undefined
  /** How long the server may take for an answer. Default: 10 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

type Address = string | Redacted.Redacted

export interface Connection {
  readonly nats: NatsConnection
  readonly streams: JetStreamManager["streams"]
  readonly consumers: JetStreamManager["consumers"]
  readonly client: JetStreamClient
  /** Asks the server, once there is a connection. Always ends: without an answer, it fails. */
  readonly ask: <A>(question: () => Promise<A>) => Effect.Effect<A, AuditStoreError>
  /** Fails when the connection is cut; at once where it is. */
  readonly cut: Effect.Effect<never, AuditStoreError>
  /** A subject of its own, for answers. */
  readonly inbox: () => string
  /** The bytes that a message may have, headers included, as the server last said. */
  readonly maxPayload: () => number
  /** What the server has not allowed since this was last asked: what is only sent, as acknowledgements are, gets no answer. */
  readonly takeRefusal: () => AuditStoreError | undefined
}

/** Fails where there is no server, or it does not let us in. */
export const make = (options: Options): Effect.Effect<Connection, AuditStoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const timeout = Duration.decodeUnknown(options.timeout ?? "10 seconds")
    if (Option.isNone(timeout) || !(Duration.toMillis(timeout.value) >= 1)) {
      return yield* Failure.misconfigured(
        `'timeout' must be a duration such as "10 seconds", not ${String(options.timeout)}`
      )
    }
    const millis = Math.min(Duration.toMillis(timeout.value), longestTimeout)
    const given = yield* parameters(options, millis)
    const nats = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => connect(given), catch: Failure.toStoreError }),
      (nats) =>
        Effect.promise(() => nats.drain().catch(() => nats.close())).pipe(
          // While it is cut, it would wait for its return.
          Effect.interruptible,
          Effect.timeoutOption("2 seconds"),
          Effect.zipRight(Effect.sync(() => void nats.close()))
        )
    )
    const [up, down] = [Effect.unsafeMakeLatch(true), Effect.unsafeMakeLatch(false)]
    let isUp = true
    let maxPayload = nats.info?.max_payload ?? 0
    let refusal: AuditStoreError | undefined
    // It ends with the connection. A fiber could not be interrupted while it waits for the next.
    void (async () => {
      for await (const status of nats.status()) {
        if (status.type === "disconnect") {
          isUp = false
          up.unsafeClose()
          down.unsafeOpen()
        } else if (status.type === "reconnect") {
          isUp = true
          maxPayload = nats.info?.max_payload ?? maxPayload
          down.unsafeClose()
          up.unsafeOpen()
        } else if (status.type === "error" && status.error instanceof PermissionViolationError) {
          refusal = Failure.toStoreError(status.error)
        }
      }
    })()

    const client = jetstream(nats, { timeout: millis })
    const manager = yield* Effect.tryPromise({
      try: () => jetstreamManager(nats, { timeout: millis, checkAPI: false }),
      catch: Failure.toStoreError
    })
    // The driver waits for the answer all the same, which does not come any more.
    const cut = Effect.zipRight(
      down.await,
      Failure.make("Unavailable", "the connection was cut: nobody knows whether it did what it was asked for")
    )
    const tooLate = () =>
      Failure.make(
        "Unavailable",
        isUp
          ? "it did not answer in time: nobody knows whether it did what it was asked for"
          : "the connection is cut, and not back yet"
      )
    return {
      nats,
      streams: manager.streams,
      consumers: manager.consumers,
      client,
      ask: (question) => {
        const answer = Effect.tryPromise({ try: question, catch: Failure.toStoreError })
        // What is given to the driver while the connection is cut may be sent whenever it is back, also after it was given up.
        return Effect.zipRight(up.await, Effect.raceFirst(answer, cut)).pipe(
          Effect.timeoutFail({ duration: millis, onTimeout: tooLate })
        )
      },
      cut,
      inbox: () => createInbox(given.inboxPrefix),
      maxPayload: () => maxPayload,
      takeRefusal: () => {
        const taken = refusal
        refusal = undefined
        return taken
      }
    }
  })

/** More would be too much for a timer, which then fires at once. */
const longestTimeout = 2_147_483_647

const parameters = ({ connection, credentials, servers }: Options, timeout: number) =>
  Effect.gen(function* () {
    const addresses = yield* Effect.forEach(Arr.ensure(servers), parse)
    if (addresses.length === 0) return yield* Failure.misconfigured("'servers' is empty: give the address of one")
    const authenticator = credentials === undefined ? undefined : yield* authenticatorOf(credentials)
    const login = addresses.find(({ user }) => user !== "")
    const given: NodeConnectionOptions = {
      name: "effect-registrar",
      // A connection on which nothing comes any more is given up after half a minute.
      pingInterval: 10_000,
      reconnectTimeWait: 500,
      timeout,
      ...(login === undefined
        ? {}
        : login.password === ""
          ? { token: login.user }
          : { user: login.user, pass: login.password }),
      ...(addresses.some(({ isTls }) => isTls) ? { tls: {} } : {}),
      ...(authenticator === undefined ? {} : { authenticator }),
      ...connection,
      // For ever, also while it does not let us in: credentials are exchanged.
      reconnect: true,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      servers: addresses.map(({ host }) => host)
    }
    return given
  })

const authenticatorOf = (credentials: Redacted.Redacted) =>
  Effect.try({
    try: () => {
      const authenticator = credsAuthenticator(new TextEncoder().encode(Redacted.value(credentials)))
      // It reads them when it is asked.
      authenticator("nonce")
      return authenticator
    },
    catch: () => Failure.misconfigured("'credentials' is not the text of a credentials file, with a JWT and a seed")
  })

/** Errors name no address: it may hold a password. */
const parse = (given: Address) => {
  const text = Redacted.isRedacted(given) ? Redacted.value(given) : given
  return Either.mapBoth(
    Either.try(() => {
      const url = new URL(text.includes("://") ? text : `nats://${text}`)
      if (!/^(?:nats|tls):$/.test(url.protocol) || url.hostname === "") throw new Error("It is another protocol")
      const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
      return { host: url.host, user, password, isTls: url.protocol === "tls:" }
    }),
    {
      onRight: (address) => address,
      onLeft: () => Failure.misconfigured("an address in 'servers' is none: it looks like 'nats://host:4222'")
    }
  )
}
