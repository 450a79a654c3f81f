/** The reference server does what it promises, over real connections. */
import { FileSystem, HttpServer } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Console, Effect, Layer, Logger, Option, Schema, TestClock } from "effect"
import * as AppLog from "effect-registrar/AppLog"
import * as AuditRecord from "effect-registrar/AuditRecord"
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { request as httpRequest, type IncomingHttpHeaders } from "node:http"
import { connect } from "node:net"
import { join, resolve } from "node:path"
import { LimitReached, LoginLimit, layer as loginLimit } from "../../docs/examples/configuration-server/LoginLimit.js"
import * as Network from "../../docs/examples/configuration-server/Network.js"
import * as Server from "../../docs/examples/configuration-server/Server.js"
import * as StartError from "../../docs/examples/configuration-server/StartError.js"

const example = resolve(import.meta.dirname, "../../docs/examples/configuration-server")
const secret = "correct-horse-battery-staple"

interface Sent {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The id of the error in the body. */
  readonly id: string | undefined
}

/** Not `fetch`, which tidies paths up. */
const send = (port: number, path: string, { method, token, headers, body }: Sent = {}): Effect.Effect<Received> =>
  Effect.promise(
    () =>
      new Promise<Received>((resolve, reject) => {
        const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
        const options = { method: method ?? "GET", headers: { ...authorization, ...headers } }
        const request = httpRequest({ host: "127.0.0.1", port, path, agent: false, ...options }, (response) => {
          const chunks: Array<Buffer> = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString()
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, id: idOf(text) })
          })
        })
        request.on("error", reject)
        request.end(body)
      })
  )

const idOf = (body: string): string | undefined => {
  try {
    return (JSON.parse(body) as { readonly error?: { readonly id?: string } }).error?.id
  } catch {
    return undefined
  }
}

/** What a server answers to bytes that no client would send. */
const sendBytes = (port: number, bytes: string): Effect.Effect<string> =>
  Effect.promise(
    () =>
      new Promise((resolve, reject) => {
        let answer = ""
        const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
        socket.on("data", (chunk) => (answer += chunk.toString()))
        socket.on("close", () => resolve(answer))
        socket.on("error", reject)
      })
  )

interface Running {
  readonly send: (path: string, sent?: Sent) => Effect.Effect<Received>
  readonly sendBytes: (bytes: string) => Effect.Effect<string>
  readonly dataDir: string
  readonly logDir: string
  readonly printed: ReadonlyArray<string>
  readonly audit: () => ReadonlyArray<AuditRecord.AuditRecord>
  readonly application: () => ReadonlyArray<AppLog.Line>
}

interface Given {
  readonly settings?: Readonly<Record<string, string>>
  /** Changes a copy of the shipped data. */
  readonly data?: (dataDir: string) => void
  readonly logs?: (logDir: string) => void
}

const folders = (given: Given) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
    const dataDir = join(root, "data")
    const logDir = join(root, "var", "log")
    cpSync(join(example, "data"), dataDir, { recursive: true })
    given.data?.(dataDir)
    if (given.logs !== undefined) {
      mkdirSync(logDir, { recursive: true })
      given.logs(logDir)
    }
    return { root, dataDir, logDir }
  })

const serverLayer = (settings: Readonly<Record<string, string>>, printed: Array<string>) =>
  Server.layer.pipe(
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(settings))))),
    Layer.provide(Logger.remove(Logger.defaultLogger)),
    Layer.provide(recordingConsole(printed))
  )

const recordingConsole = (printed: Array<string>) =>
  Layer.unwrapEffect(
    Effect.map(Effect.console, (console) =>
      Console.setConsole({ ...console, log: (...texts) => Effect.sync(() => void printed.push(texts.join(" "))) })
    )
  )

/** Starts the server that `main.ts` starts, on a free port, and closes it afterwards. */
const withServer = <A>(given: Given, use: (server: Running) => Effect.Effect<A>) =>
  Effect.gen(function* () {
    const { dataDir, logDir } = yield* folders(given)
    const printed: Array<string> = []
    const settings = { PORT: "0", LOG_DIR: logDir, DATA_DIR: dataDir, ...given.settings }
    const lines = (file: string) => readFileSync(join(logDir, file), "utf8").split("\n").slice(0, -1)

    const body = Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const port = address._tag === "TcpAddress" ? address.port : 0
      return yield* use({
        send: (path, sent) => send(port, path, sent),
        sendBytes: (bytes) => sendBytes(port, bytes),
        dataDir,
        logDir,
        printed,
        audit: () =>
          lines("audit.log.jsonl")
            .map((line) => {
              const record = AuditRecord.fromLine(line)
              return record._tag === "Right" ? record.right : assert.fail(record.left.message)
            })
            // Without what the trail says about itself.
            .filter((record) => record.source !== "effect-registrar"),
        application: () =>
          lines("application.log.jsonl").map((line) => Schema.decodeUnknownSync(Schema.parseJson(AppLog.Line))(line))
      })
    })
    return yield* Effect.provide(body, serverLayer(settings, printed))
  }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

const types = (records: ReadonlyArray<AuditRecord.AuditRecord>) => records.map(({ event }) => event.type)

const isRegistered = ({ status, headers, body }: Received) => {
  assert.isAtLeast(status, 400)
  assert.strictEqual(headers["content-type"], "application/json")
  const { error, ...rest } = JSON.parse(body) as { readonly error: Record<string, unknown> }
  assert.deepStrictEqual(rest, {})
  assert.isString(error["id"])
  assert.isString(error["message"])
  assert.includeMembers(["id", "message", "details"], Object.keys(error))
}

describe("what it must show", () => {
  it.live("every answer, and the audit line of each, in order", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const answers: Array<Received> = []
        const ask = (path: string, sent?: Sent) =>
          Effect.tap(server.send(path, sent), (answer) => Effect.sync(() => answers.push(answer)))
        const shows = (answer: Received, status: number, id: string) => {
          assert.strictEqual(answer.status, status)
          assert.strictEqual(answer.id, id)
          isRegistered(answer)
        }

        const motd = yield* ask("/configs/public/motd.txt", { token: "bob-token" })
        assert.strictEqual(motd.status, 200)
        assert.strictEqual(motd.headers["content-type"], "text/plain; charset=utf-8")
        assert.include(motd.body, "Welcome")

        const noToken = yield* ask("/configs/public/motd.txt")
        shows(noToken, 401, "unauthenticated")
        assert.match(noToken.headers["www-authenticate"] ?? "", /^Bearer/)

        shows(yield* ask("/configs/database.json", { token: "bob-token" }), 403, "auth-unauthorized-path")

        const database = yield* server.send("/configs/database.json", { token: "alice-token" })
        assert.strictEqual(database.status, 200)
        assert.strictEqual(database.headers["content-type"], "application/json")
        assert.strictEqual(database.headers["cache-control"], "no-store")
        const config = JSON.parse(database.body) as Record<string, unknown>
        assert.deepStrictEqual([config["password"], config["pool"]], [secret, 10])

        shows(yield* ask("/configs/nothing.json", { token: "alice-token" }), 404, "configs-not-found")
        shows(yield* ask("/nope"), 404, "not-found")

        const wrongMethod = yield* ask("/configs/public/motd.txt", { method: "DELETE" })
        shows(wrongMethod, 405, "method-not-allowed")
        assert.strictEqual(wrongMethod.headers["allow"], "GET, HEAD, OPTIONS, POST")

        const malformed = { method: "POST", token: "alice-token", body: "{" }
        shows(yield* ask("/configs/database.json", malformed), 400, "bad-request")

        const broken = yield* ask("/configs/broken-template.json", { token: "alice-token" })
        shows(broken, 500, "configs-template-rendering-error")

        for (let attempt = 1; attempt <= 10; attempt++) {
          shows(yield* ask("/configs/public/motd.txt", { token: "wrong" }), 401, "unauthenticated")
        }
        const limited = yield* ask("/configs/public/motd.txt", { token: "bob-token" })
        shows(limited, 429, "auth-rate-limited")
        assert.isAtMost(Number(limited.headers["retry-after"]), 15 * 60)
        assert.isAbove(Number(limited.headers["retry-after"]), 14 * 60)

        const records = server.audit()
        assert.deepStrictEqual(types(records), [
          "configs-config-loaded",
          "auth-unauthenticated",
          "auth-unauthorized-path",
          "configs-secrets-loaded",
          "configs-config-loaded",
          ...Array.from({ length: 10 }, () => "auth-unauthenticated"),
          "auth-rate-limited"
        ])
        assert.deepStrictEqual(records[0]?.event.details, {
          ip: "127.0.0.1",
          path: "/configs/public/motd.txt",
          user: "bob"
        })
        assert.deepStrictEqual(records[1]?.event.details, {
          ip: "127.0.0.1",
          path: "/configs/public/motd.txt",
          reason: "it has no token"
        })
        assert.deepStrictEqual(records[3]?.event.details, {
          ip: "127.0.0.1",
          path: "/configs/database.json",
          user: "alice",
          secrets: ["database.password"]
        })
        assert.strictEqual(records[2]?.level, "WARNING")
        assert.strictEqual(records[2]?.source, "configuration-server")

        const told = [...answers.map(({ body }) => body), ...records.map(({ line }) => line)].join("\n")
        assert.notInclude(told, secret)
        assert.notInclude(told, "-token")
        assert.notMatch(told, /\bat \S+ \(|node_modules|nunjucks|\.ts:\d/)

        const failure = server.application().find(({ level }) => level === "ERROR")
        assert.strictEqual(failure?.errorType, "TemplateRenderingError")
        assert.include(failure?.errorInfo ?? "", "[Line 1, Column 14]")
        assert.match(failure?.errorInfo ?? "", /\n\s+at /)
        assert.deepStrictEqual(failure?.annotations, { requestId: broken.headers["x-request-id"] })

        const console = server.printed.join("\n")
        assert.strictEqual(console.match(/^ {2}curl -H .* http:\/\/127\.0\.0\.1:\d+\/configs\//gm)?.length, 3)
      })
    )
  )

  it.live("HEAD and OPTIONS work as they do everywhere", () =>
    withServer({}, ({ send }) =>
      Effect.gen(function* () {
        const head = yield* send("/configs/public/motd.txt", { method: "HEAD", token: "bob-token" })
        assert.deepStrictEqual([head.status, head.body], [200, ""])
        const options = yield* send("/configs/public/motd.txt", { method: "OPTIONS" })
        assert.deepStrictEqual([options.status, options.headers["allow"]], [200, "GET, HEAD, OPTIONS, POST"])
      })
    )
  )
})

const bobFrom = (networks: string) => (dataDir: string) => {
  const users = readFileSync(join(dataDir, "users.yaml"), "utf8")
  writeFileSync(join(dataDir, "users.yaml"), users.replace(/networks: \[127.*\]/, `networks: ${networks}`))
}

const askFrom = (server: Running, address: string) =>
  server.send("/configs/public/motd.txt", { token: "bob-token", headers: { "x-forwarded-for": address } })

describe("the api", () => {
  it.live("has the same users, errors, audit log and request ids as the configurations", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const me = yield* server.send("/api/users/me", { token: "alice-token" })
        assert.deepStrictEqual([me.status, JSON.parse(me.body).name], [200, "alice"])
        const refused: ReadonlyArray<readonly [string, Sent, status: number, id: string]> = [
          ["/api/users/me", {}, 401, "unauthenticated"],
          ["/api/users/me", { token: "bob-token" }, 403, "auth-unauthorized-path"],
          ["/api/audit/recent?limit=0", { token: "alice-token" }, 400, "bad-request"],
          ["/api/audit/recent", { token: "alice-token", method: "DELETE" }, 405, "method-not-allowed"],
          ["/api/nothing", { token: "alice-token" }, 404, "not-found"]
        ]
        for (const [path, sent, status, id] of refused) {
          const answer = yield* server.send(path, sent)
          assert.deepStrictEqual([answer.status, answer.id], [status, id], path)
          isRegistered(answer)
        }
        assert.property((yield* server.send("/api/users/me")).headers, "www-authenticate")

        yield* server.send("/configs/public/motd.txt", { token: "bob-token" })
        const recent = yield* server.send("/api/audit/recent?limit=2", { token: "alice-token" })
        const records = server.audit().toReversed()
        assert.deepStrictEqual(
          JSON.parse(recent.body).map((record: Record<string, unknown>) => [record["type"], record["requestId"]]),
          records.slice(0, 2).map(({ event }) => [event.type, event.requestId])
        )
        assert.strictEqual(records[0]?.event.type, "configs-config-loaded")
      })
    )
  )

  it.live("is described, and so is everything registered, without a token", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const document = JSON.parse((yield* server.send("/openapi.json")).body)
        assert.hasAllKeys(document.paths, ["/api/users/me", "/api/audit/recent"])
        const { responses } = document.paths["/api/users/me"].get
        assert.hasAllKeys(responses, ["200", "400", "401", "403", "429"])
        assert.match(JSON.stringify(responses["403"]), /auth-unauthorized-ip.*auth-unauthorized-path/)
        for (const path of ["/docs", "/errors", "/errors/auth-rate-limited", "/errors/not-found", "/audit-events"]) {
          const page = yield* server.send(path, { headers: { accept: "text/html" } })
          assert.deepStrictEqual([page.status, page.headers["content-type"]?.split(";")[0]], [200, "text/html"], path)
        }
        // The type of a problem leads to its page.
        const problem = yield* server.send("/nope", { headers: { accept: "application/problem+json" } })
        assert.strictEqual((yield* server.send(JSON.parse(problem.body).type)).status, 200)
      })
    )
  )
})

describe("who may", () => {
  it.live("a user comes from their networks only, counted behind trusted proxies", () =>
    withServer({ settings: { TRUSTED_PROXIES: "1" }, data: bobFrom('["10.0.0.0/8", "2001:db8::/32"]') }, (server) =>
      Effect.gen(function* () {
        for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "::ffff:a01:203", "2001:db8::1", "11.0.0.1, 10.0.0.1"]) {
          assert.strictEqual((yield* askFrom(server, address)).status, 200, address)
        }
        for (const address of ["11.1.2.3", "2001:db9::1", "10.0.0.1, 11.0.0.1", "nonsense", "::ffff:11.1.2.3"]) {
          const refused = yield* askFrom(server, address)
          assert.deepStrictEqual([refused.status, refused.id], [403, "auth-unauthorized-ip"], address)
          isRegistered(refused)
        }
        const last = server.audit().at(-5)
        assert.strictEqual(
          last?.message,
          "User 'bob' was refused /configs/public/motd.txt: they may not come from 11.1.2.3"
        )
      })
    )
  )

  it.live("without a trusted proxy nobody chooses their address", () =>
    withServer({ data: bobFrom('["10.0.0.0/8"]') }, ({ send }) =>
      Effect.gen(function* () {
        const headers = { "x-forwarded-for": "10.1.2.3" }
        assert.strictEqual((yield* send("/configs/public/motd.txt", { token: "bob-token", headers })).status, 403)
      })
    )
  )

  it.live("what is no bearer token is no token", () =>
    withServer({}, ({ audit, send }) =>
      Effect.gen(function* () {
        for (const authorization of ["", "Bearer", "Bearer ", "Basic Ym9iOmJvYg==", "bob-token", "Bearer a b"]) {
          const answer = yield* send("/configs/public/motd.txt", { headers: { authorization } })
          assert.deepStrictEqual([answer.status, answer.id], [401, "unauthenticated"], authorization)
        }
        assert.deepStrictEqual([...new Set(audit().map(({ event }) => event.details["reason"]))], ["it has no token"])
        const lowerCase = { authorization: "bearer bob-token" }
        assert.strictEqual((yield* send("/configs/public/motd.txt", { headers: lowerCase })).status, 200)
      })
    )
  )
})

const fail = (address: string) =>
  Effect.flatMap(LoginLimit, (limit) => limit.attempt(address, () => Option.none<never>()))
const succeed = (address: string) => Effect.flatMap(LoginLimit, (limit) => limit.attempt(address, () => Option.some(1)))

describe("LoginLimit", () => {
  it.effect("opens again a quarter of an hour after the first failure", () =>
    Effect.gen(function* () {
      yield* fail("192.0.2.1")
      yield* TestClock.adjust("5 minutes")
      yield* Effect.replicateEffect(fail("192.0.2.1"), 9)
      assert.deepStrictEqual(yield* Effect.flip(succeed("192.0.2.1")), new LimitReached({ seconds: 600 }))
      assert.deepStrictEqual(yield* succeed("192.0.2.2"), Option.some(1))
      yield* TestClock.adjust("599 seconds")
      assert.deepStrictEqual(yield* Effect.flip(fail("192.0.2.1")), new LimitReached({ seconds: 1 }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* succeed("192.0.2.1"), Option.some(1))
    }).pipe(Effect.provide(loginLimit))
  )

  it.effect("lets exactly ten of a hundred through that try at once", () =>
    Effect.gen(function* () {
      const tries = yield* Effect.all(
        Array.from({ length: 100 }, () => Effect.either(Effect.zipRight(Effect.yieldNow(), fail("192.0.2.1")))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(tries.filter(({ _tag }) => _tag === "Right").length, 10)
    }).pipe(Effect.provide(loginLimit))
  )

  it.effect("counts an IPv6 network as one, and a mapped address as itself", () =>
    Effect.gen(function* () {
      for (let host = 1; host <= 10; host++) yield* fail(`2001:db8::${host}`)
      assert.isTrue((yield* Effect.either(fail("2001:db8::ffff")))._tag === "Left")
      assert.isTrue((yield* Effect.either(fail("2001:db8:0:1::1")))._tag === "Right")
      yield* Effect.replicateEffect(fail("::ffff:192.0.2.9"), 10)
      assert.isTrue((yield* Effect.either(fail("192.0.2.9")))._tag === "Left")
    }).pipe(Effect.provide(loginLimit))
  )

  it.effect("forgets the oldest of too many addresses", () =>
    Effect.gen(function* () {
      yield* Effect.replicateEffect(fail("192.0.2.1"), 10)
      for (let n = 0; n < 10_000; n++) yield* fail(`10.1.${n >> 8}.${n & 255}`)
      assert.deepStrictEqual(yield* succeed("192.0.2.1"), Option.some(1))
    }).pipe(Effect.provide(loginLimit))
  )
})

it("networks are of either family", () => {
  assert.isTrue(Network.anyContains(["10.0.0.0/8"], "::ffff:10.0.0.1"))
  assert.isFalse(Network.anyContains(["::/0"], "10.0.0.1"))
  assert.isFalse(Network.anyContains(["0.0.0.0/0"], "2001:db8::1"))
  assert.isFalse(Network.anyContains(["0.0.0.0/0", "::/0"], "unknown"))
})

const post = (body: unknown): Sent => ({ method: "POST", token: "alice-token", body: JSON.stringify(body) })

describe("variables", () => {
  it.live("a POST sets what the env file declares", () =>
    withServer({}, ({ send }) =>
      Effect.gen(function* () {
        const answer = yield* send("/configs/database.json", post({ pool: 50 }))
        assert.strictEqual((JSON.parse(answer.body) as { readonly pool: number }).pool, 50)
        const bodies: ReadonlyArray<readonly [unknown, string]> = [
          [{ pool: "50" }, "pool: Expected number"],
          [{ pool: 1.5 }, "pool: Expected an integer"],
          [{ pool: null }, "pool: Expected number"],
          [{ host: "elsewhere" }, 'host: is unexpected, expected: "pool"'],
          [{ secrets: {} }, "secrets: is unexpected"],
          [[], "Expected"],
          [null, "Expected"],
          ["text", "Expected"]
        ]
        for (const [body, problem] of bodies) {
          const refused = yield* send("/configs/database.json", post(body))
          assert.deepStrictEqual([refused.status, refused.id], [400, "configs-request-body-invalid"])
          isRegistered(refused)
          assert.include(JSON.parse(refused.body).error.details.problem, problem)
        }
      })
    )
  )

  it.live("what has no value must be set, and what is not declared may be", () =>
    withServer(
      {
        data: (dataDir) => {
          writeFileSync(join(dataDir, "endpoints/greeting.txt"), "Hello {{ name }}")
          writeFileSync(join(dataDir, "endpoints/greeting.txt.scs-env.yaml"), "request: { name: string }")
          writeFileSync(join(dataDir, "endpoints/free.txt"), "{{ name }} {{ secrets.x }}")
          writeFileSync(join(dataDir, "endpoints/free2.txt"), "{{ name.first }}")
        }
      },
      ({ send }) =>
        Effect.gen(function* () {
          const missing = yield* send("/configs/greeting.txt", { token: "alice-token" })
          assert.deepStrictEqual([missing.status, missing.id], [400, "configs-request-body-invalid"])
          assert.strictEqual(
            (yield* send("/configs/greeting.txt", post({ name: "Ada <{{ 7 }}>" }))).body,
            "Hello Ada <{{ 7 }}>"
          )
          assert.strictEqual((yield* send("/configs/free2.txt", post({ name: { first: "Ada" } }))).body, "Ada")
          assert.strictEqual((yield* send("/configs/free.txt", post({ name: 1, secrets: { x: "mine" } }))).status, 500)
          assert.strictEqual((yield* send("/configs/free2.txt", post(["Ada"]))).id, "configs-request-body-invalid")
        })
    )
  )

  it.live("a body is JSON, in UTF-8, and not too large", () =>
    withServer({}, ({ send }) =>
      Effect.gen(function* () {
        const bodies: ReadonlyArray<readonly [string | Uint8Array, number, string]> = [
          ["{pool: 1}", 400, "bad-request"],
          [Uint8Array.of(0x22, 0xff, 0xfe, 0x22), 400, "bad-request"],
          ["", 400, "configs-request-body-invalid"],
          [`"${"x".repeat(11 * 1024 * 1024)}"`, 413, "content-too-large"],
          ['{"__proto__": {"pool": 1}}', 400, "configs-request-body-invalid"]
        ]
        for (const [body, status, id] of bodies) {
          const answer = yield* send("/configs/database.json", { method: "POST", token: "alice-token", body })
          assert.deepStrictEqual([answer.status, answer.id], [status, id])
          isRegistered(answer)
        }
      })
    )
  )

  it.live("a changed secret is served at once, and only what is used is recorded", () =>
    withServer({}, ({ audit, dataDir, send }) =>
      Effect.gen(function* () {
        writeFileSync(join(dataDir, "secrets/database.yaml"), "password: changed\nother: unused\n")
        assert.include((yield* send("/configs/database.json", { token: "alice-token" })).body, '"changed"')
        assert.deepStrictEqual(audit()[0]?.event.details["secrets"], ["database.password"])
      })
    )
  )

  it.live("env files that cannot be understood are the server's mistake, and quote no secret", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        const env = (text: string) => writeFileSync(join(server.dataDir, "endpoints/database.json.scs-env.yaml"), text)
        const secrets = (text: string) => writeFileSync(join(server.dataDir, "secrets/database.yaml"), text)
        const answers = function* (id: string) {
          const answer = yield* server.send("/configs/database.json", { token: "alice-token" })
          assert.deepStrictEqual([answer.status, answer.id], [500, id])
          isRegistered(answer)
        }
        for (const text of ["variables: [", "a: b: c", "variables: *nowhere"]) {
          env(text)
          yield* answers("configs-env-syntax-error")
        }
        const misfits = [
          "5",
          "[]",
          "variable: {}",
          "request: { pool: int }",
          "secrets: [../users]",
          "secrets: [nothing]"
        ]
        for (const text of misfits) {
          env(text)
          yield* answers("configs-env-format-error")
        }
        env("secrets: [database]")
        for (const text of [
          "password: *s3cr3t",
          "password: !s3cr3t [x",
          'password: "s3cr3t',
          "password: [s3cr3t]",
          "s3cr3t"
        ]) {
          secrets(text)
          const answer = yield* server.send("/configs/database.json", { token: "alice-token" })
          assert.match(answer.id ?? "", /^configs-env-(syntax|format)-error$/)
        }
        const lines = server.application().map((line) => JSON.stringify(line))
        assert.include(lines.join(), "there is no secrets/nothing.yaml, which it names")
        assert.include(lines.join(), "line 1, column")
        assert.notInclude(lines.join(), "s3cr3t")
        // A mistake in one does no harm to the others.
        assert.strictEqual((yield* server.send("/configs/public/motd.txt", { token: "bob-token" })).status, 200)
      })
    )
  )
})

describe("templates", () => {
  it.live("include other endpoints, and nothing else", () =>
    withServer(
      {
        data: (dataDir) => {
          const write = (name: string, text: string) => writeFileSync(join(dataDir, "endpoints", name), text)
          write(
            "list.txt",
            '{% for n in [1, 2] %}{% include "public/part.txt" %};{% endfor %}{% include "gone" ignore missing %}'
          )
          write("public/part.txt", 'part {{ n }}{% import "macros" as m %} {{ m.twice("x") }}')
          write("macros", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}")
          const outside = [
            "../users.yaml",
            "../secrets/database.yaml",
            "/etc/passwd",
            "database.json.scs-env.yaml",
            "./public/motd.txt"
          ]
          outside.forEach((name, index) => write(`outside${index}`, `{% include "${name}" %}`))
          write("itself", '{% include "itself" %}')
        }
      },
      ({ send }) =>
        Effect.gen(function* () {
          const list = yield* send("/configs/list.txt", { token: "alice-token" })
          assert.strictEqual(list.body, "part 1 xx;part 2 xx;")
          for (const name of ["outside0", "outside1", "outside2", "outside3", "outside4", "itself"]) {
            const answer = yield* send(`/configs/${name}`, { token: "alice-token" })
            assert.strictEqual(answer.id, "configs-template-rendering-error", name)
          }
        })
    )
  )

  it.live("reach their variables, and no JavaScript behind them", () => {
    const escapes = [
      "{{ constructor }}",
      "{{ __proto__ }}",
      "{{ toString }}",
      "{{ ''.constructor }}",
      "{{ ''['con' + 'structor'] }}",
      "{{ ''[['constructor']] }}",
      "{{ [].constructor }}",
      "{{ {}.constructor }}",
      "{{ {}.__proto__ }}",
      "{{ {}.toString }}",
      "{{ range.constructor('return 1')() }}",
      "{{ ''.sub.constructor('return 1')() }}",
      "{{ range.call }}",
      "{{ constructor.getOwnPropertyDescriptor }}",
      "{{ secrets.__lookupGetter__ }}",
      "{{ missing }}"
    ]
    return withServer(
      {
        data: (dataDir) => {
          escapes.forEach((text, index) => writeFileSync(join(dataDir, "endpoints", `escape${index}`), text))
          const harmless =
            "{{ 'a,b'.split(',').join('-') }} {{ [1,2].length }} {{ (1.5).toFixed(2) }} {{ {a: 1}.a }} {{ range(3) | join }}"
          writeFileSync(join(dataDir, "endpoints/harmless"), harmless)
        }
      },
      ({ send }) =>
        Effect.gen(function* () {
          for (const [index, text] of escapes.entries()) {
            const answer = yield* send(`/configs/escape${index}`, { token: "alice-token" })
            assert.strictEqual(answer.id, "configs-template-rendering-error", `${text}: ${answer.body}`)
          }
          assert.strictEqual((yield* send("/configs/harmless", { token: "alice-token" })).body, "a-b 2 1.50 1 012")
        })
    )
  })
})

const hideAndLink = (dataDir: string) => {
  const endpoints = join(dataDir, "endpoints")
  writeFileSync(join(endpoints, ".hidden"), "hidden")
  symlinkSync(join(dataDir, "users.yaml"), join(endpoints, "link-out.txt"))
  symlinkSync(dataDir, join(endpoints, "link-out"))
  symlinkSync(join(endpoints, "database.json.scs-env.yaml"), join(endpoints, "link-env"))
  symlinkSync(join(dataDir, "nowhere"), join(endpoints, "dangling"))
  symlinkSync("loop", join(endpoints, "loop"))
  symlinkSync(join(endpoints, "public/motd.txt"), join(endpoints, "link-in.txt"))
  // A folder whose name begins like that of the endpoints.
  mkdirSync(`${endpoints}-other`)
  writeFileSync(join(`${endpoints}-other`, "x"), "tokenSha256")
  symlinkSync(join(`${endpoints}-other`, "x"), join(endpoints, "link-beside"))
}

const askAsBob = (server: Running, path: string) =>
  Effect.map(server.send(path, { token: "bob-token" }), ({ id, status }) => id ?? status)

describe("paths", () => {
  const outside = [
    "/configs/",
    "/configs/.",
    "/configs/..",
    "/configs/../users.yaml",
    "/configs/../../../../../../etc/passwd",
    "/configs/public/../database.json",
    "/configs/public/./motd.txt",
    "/configs/%2e%2e/users.yaml",
    "/configs/%2E%2E%2Fusers.yaml",
    "/configs/..%2fusers.yaml",
    "/configs/public%2fmotd.txt",
    "/configs/%252e%252e/users.yaml",
    "/configs/..%5cusers.yaml",
    "/configs/..\\users.yaml",
    "/configs//etc/passwd",
    "/configs/%2fetc%2fpasswd",
    "/configs/public//motd.txt",
    "/configs/public/motd.txt/",
    "/configs/public/motd.txt/x",
    "/configs/public",
    "/configs/public/motd.txt%00",
    "/configs/public/motd.txt%00.json",
    "/configs/database.json.scs-env.yaml",
    "/configs/DATABASE.json.SCS-ENV.yaml",
    "/configs/.hidden",
    "/configs/.git/config",
    "/configs/link-out.txt",
    "/configs/link-out/users.yaml",
    "/configs/link-env",
    "/configs/dangling",
    "/configs/loop",
    "/configs/%zz",
    "/configs/%",
    "/configs/%ff%fe",
    "/configs/%c0%ae%c0%ae/users.yaml",
    "/configs/public/motd.txt;x",
    `/configs/${"a".repeat(300)}`,
    `/configs/${"a/".repeat(3000)}x`,
    "/configs/constructor",
    "/configs/__proto__",
    "/configs/…".replace("…", "%E2%80%A6")
  ]
  it.live("lead to nothing outside of the folder, whoever asks", () =>
    withServer({ data: hideAndLink }, ({ application, send }) =>
      Effect.gen(function* () {
        for (const path of [...outside, "/configs/link-beside"]) {
          for (const token of ["alice-token", "bob-token"]) {
            const answer = yield* send(path, { token })
            isRegistered(answer)
            const ids =
              token === "alice-token"
                ? ["configs-not-found", "not-found"]
                : ["auth-unauthorized-path", "configs-not-found", "not-found"]
            assert.include(ids, answer.id, `${path}: ${answer.body}`)
            assert.notMatch(answer.body, /tokenSha256|root:|hidden|variables/)
          }
        }
        assert.strictEqual((yield* send("/configs/link-in.txt", { token: "alice-token" })).status, 200)
        assert.deepStrictEqual(
          application().filter(({ level }) => level === "ERROR"),
          []
        )
      })
    )
  )

  it.live("are allowed as they are served", () =>
    withServer({}, (server) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* askAsBob(server, "/configs/public/../database.json"), "auth-unauthorized-path")
        assert.strictEqual(yield* askAsBob(server, "/configs/public/%2e%2e/database.json"), "auth-unauthorized-path")
        assert.strictEqual(yield* askAsBob(server, "/configs/public%2f..%2fdatabase.json"), "auth-unauthorized-path")
        assert.strictEqual(yield* askAsBob(server, "/configs/public\\..\\..\\database.json"), "auth-unauthorized-path")
        assert.strictEqual(yield* askAsBob(server, "/configs/p%75blic/motd.txt"), 200)
        assert.strictEqual(yield* askAsBob(server, "/configs/public/motd.txt?x=/../.."), 200)
        assert.strictEqual(yield* askAsBob(server, "/configs/PUBLIC/motd.txt"), "auth-unauthorized-path")
      })
    )
  )

  it.live("even what is no request has a registered answer", () =>
    withServer({}, ({ sendBytes }) =>
      Effect.gen(function* () {
        const garbage = yield* sendBytes("\0\0\0 no HTTP at all\r\n\r\n")
        assert.match(garbage, /^HTTP\/1\.1 400 /)
        assert.include(garbage, '"id":"bad-request"')
        const oversized = yield* sendBytes(`GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)
        assert.match(oversized, /^HTTP\/1\.1 431 /)
        assert.include(oversized, '"id":"request-header-fields-too-large"')
      })
    )
  )

  it.live("what the disk refuses is an error of the server", () =>
    withServer({}, ({ dataDir, send }) =>
      Effect.gen(function* () {
        // A folder in the place of a file: unlike permissions, it stops an administrator too.
        const path = join(dataDir, "endpoints/database.json.scs-env.yaml")
        rmSync(path)
        mkdirSync(path)
        const answer = yield* send("/configs/database.json", { token: "alice-token" })
        assert.deepStrictEqual([answer.status, answer.id], [500, "internal-server-error"])
      })
    )
  )
})

const editUsers = (replace: (text: string) => string) => (dataDir: string) => {
  const path = join(dataDir, "users.yaml")
  writeFileSync(path, replace(readFileSync(path, "utf8")))
}

describe("does not start", () => {
  interface Refused extends Given {
    readonly because: RegExp
  }
  const cases: Readonly<Record<string, Refused>> = {
    "with a port that is no number": {
      settings: { PORT: "http" },
      because: /^The setting PORT is wrong: Expected a whole number from 0 to 65535$/
    },
    "with several wrong settings": {
      settings: { PORT: "65536", TRUSTED_PROXIES: "-1" },
      because: /^The setting PORT is wrong: .*; The setting TRUSTED_PROXIES is wrong: /
    },
    "on an address of another machine": {
      settings: { HOST: "192.0.2.1" },
      because: /^The server cannot listen: address not available 192\.0\.2\.1/
    },
    "without data": {
      settings: { DATA_DIR: "/nowhere" },
      because: /^The users file '\/nowhere\/users\.yaml' does not exist$/
    },
    "with a file in place of the folder for logs": {
      settings: { LOG_DIR: join(example, "main.ts") },
      because: /^The folder LOG_DIR '.*main\.ts' is of the wrong kind/
    },
    "with a folder in place of a log": {
      logs: (logDir) => mkdirSync(join(logDir, "audit.log.jsonl")),
      because: /audit\.log\.jsonl' is a folder/
    },
    "with a users file that is not YAML": {
      data: editUsers(() => "users: [\n  {"),
      because: /users\.yaml' is not valid YAML: line \d+, column \d+: /
    },
    "with a users file that is something else": {
      data: editUsers(() => "5"),
      because: /users\.yaml' does not have the right form: it has no 'name: value'$/
    },
    "with a users file that is a folder": {
      data: (dataDir) => {
        rmSync(join(dataDir, "users.yaml"))
        mkdirSync(join(dataDir, "users.yaml"))
      },
      because: /^The users file '.*users\.yaml' is of the wrong kind/
    },
    "with an unknown member of a user": {
      data: editUsers((text) => text.replace("name: bob", "name: bob\n    admin: true")),
      because: /users\.1\.admin: is unexpected/
    },
    "with a network that is none": {
      data: editUsers((text) => text.replace("10.0.0.0/8", "10.0.0.0/33")),
      because: /users\.1\.networks\.1: Expected a network such as 10\.0\.0\.0\/8 or 2001:db8::\/32$/
    },
    "with a token in place of its digest": {
      data: editUsers((text) => text.replace(/tokenSha256: \w+/, "tokenSha256: plain")),
      because: /users\.0\.tokenSha256: Expected a SHA-256 digest in 64 hexadecimal digits$/
    },
    "with the same user twice": {
      data: editUsers((text) => text.replace("name: bob", "name: alice")),
      because: /users: Two users have the same name or the same token$/
    },
    "without endpoints": {
      data: (dataDir) => rmSync(join(dataDir, "endpoints"), { recursive: true }),
      because: /^The folder of the endpoints '.*endpoints' does not exist$/
    },
    "with a template that has a mistake": {
      data: (dataDir) => writeFileSync(join(dataDir, "endpoints/public/wrong.txt"), "\n{{ 1 + }}"),
      because: /^The template 'public\/wrong\.txt' has a mistake in its syntax: \[Line 2, Column \d+\] /
    },
    "with a template that is no text": {
      data: (dataDir) => writeFileSync(join(dataDir, "endpoints/picture.png"), Uint8Array.of(0x89, 0x50, 0xff)),
      because: /^The template 'picture\.png' is not text in UTF-8$/
    }
  }

  for (const [name, given] of Object.entries(cases)) {
    it.live(name, () =>
      Effect.gen(function* () {
        const { dataDir, logDir } = yield* folders(given)
        const settings = { PORT: "0", LOG_DIR: logDir, DATA_DIR: dataDir, ...given.settings }
        const error = yield* Effect.flip(Layer.build(serverLayer(settings, [])))
        const sentence = StartError.sentence(error)
        assert.match(sentence, given.because)
        assert.notInclude(sentence, "\n")
      }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))
    )
  }

  it.live("on a port that is taken", () =>
    withServer({}, ({ printed }) =>
      Effect.gen(function* () {
        const port = /:(\d+)\//.exec(printed.join())?.[1] ?? ""
        const error = yield* Effect.flip(Effect.scoped(withServer({ settings: { PORT: port } }, () => Effect.void)))
        assert.include(
          StartError.sentence(error as Error),
          `address already in use 127.0.0.1:${port}; stop what runs there`
        )
      }).pipe(Effect.orDie)
    )
  )
})

/** `npm start`, and what it prints. */
const start = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const child = spawn(process.execPath, ["--import", "tsx", join(example, "main.ts")], {
      cwd: resolve(example, "../../.."),
      env: { ...process.env, NODE_OPTIONS: "", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
    const output = { out: "", err: "" }
    child.stdout.on("data", (chunk: Buffer) => (output.out += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (output.err += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
    return {
      interrupt: () => child.kill("SIGINT"),
      output,
      ended: Effect.promise(() => ended),
      prints: (text: string) => until(() => output.out.includes(text)),
      port: () => Number(/Listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output.out)?.[1])
    }
  })

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.delay(until(condition), "20 millis")))

describe("as a program", { timeout: 60_000 }, () => {
  it.live("finishes what runs when it is interrupted, and exits with 0", () =>
    Effect.gen(function* () {
      const { dataDir, logDir } = yield* folders({})
      const program = yield* start({ PORT: "0", LOG_DIR: logDir, DATA_DIR: dataDir })
      yield* program.prints('{"pool": 50}')
      assert.strictEqual(program.output.out.match(/^ {2}curl -H /gm)?.length, 3)
      const port = program.port()
      assert.strictEqual((yield* send(port, "/configs/public/motd.txt", { token: "bob-token" })).status, 200)

      // A request whose body has not arrived when the signal does.
      let answer = ""
      let closed = false
      const socket = connect(port, "127.0.0.1")
      socket.on("data", (chunk: Buffer) => (answer += chunk.toString()))
      socket.on("close", () => (closed = true))
      const body = '{"pool": 7}'
      const head = [
        "POST /configs/database.json HTTP/1.1",
        "host: localhost",
        "authorization: Bearer alice-token",
        "expect: 100-continue",
        `content-length: ${body.length}`
      ]
      socket.write(`${head.join("\r\n")}\r\n\r\n`)
      yield* until(() => answer.includes("100 Continue"))
      program.interrupt()
      yield* program.prints("Finishing 1 requests")
      socket.write(body)
      yield* until(() => closed)
      assert.include(answer, "HTTP/1.1 200 OK")
      assert.include(answer, '"pool": 7')

      assert.strictEqual(yield* program.ended, 0)
      assert.strictEqual(program.output.err, "")
      const audit = readFileSync(join(logDir, "audit.log.jsonl"), "utf8")
      assert.deepStrictEqual(
        Array.from(audit.matchAll(/"type":"(.*?)"/g), ([, type]) => type),
        [
          "registrar-trail-started",
          "configs-config-loaded",
          "configs-secrets-loaded",
          "configs-config-loaded",
          "registrar-trail-stopped"
        ]
      )
      assert.isTrue(audit.endsWith("}\n"))
      assert.include(readFileSync(join(logDir, "application.log.jsonl"), "utf8"), "Finishing 1 requests")
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))
  )

  it.live("says in one line why it does not start, and exits with 1", () =>
    Effect.gen(function* () {
      const program = yield* start({ PORT: "nine" })
      assert.strictEqual(yield* program.ended, 1)
      assert.strictEqual(program.output.err, "The setting PORT is wrong: Expected a whole number from 0 to 65535\n")
      assert.strictEqual(program.output.out, "")
    }).pipe(Effect.scoped)
  )

  // A program that is killed, since closing waits for a log that cannot be written.
  it.live("hands out no secret while it cannot record it", () =>
    Effect.gen(function* () {
      const { dataDir, logDir } = yield* folders({})
      const program = yield* start({ PORT: "0", LOG_DIR: logDir, DATA_DIR: dataDir })
      yield* program.prints('{"pool": 50}')
      const log = join(logDir, "audit.log.jsonl")
      renameSync(log, `${log}.elsewhere`)
      mkdirSync(log)
      yield* program.prints("was moved by somebody else")
      const refused = yield* send(program.port(), "/configs/database.json", { token: "alice-token" })
      assert.deepStrictEqual([refused.status, refused.id], [503, "audit-unavailable"])
      assert.notInclude(refused.body, secret)
      assert.strictEqual((yield* send(program.port(), "/configs/public/motd.txt", { token: "bob-token" })).status, 200)
      yield* program.prints("The audit log cannot be written")
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))
  )
})
