import { HttpApiEndpoint, HttpApiGroup, HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Redacted, Schema } from "effect"
import { createHash } from "node:crypto"
import * as ApiError from "../src/ApiError.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditRegistry from "../src/AuditRegistry.js"
import { builtIns, NotFound } from "../src/BuiltInErrors.js"
import * as Catalogue from "../src/Catalogue.js"
import { policy, script, style } from "../src/Catalogue/Page.js"
import * as ErrorRegistry from "../src/ErrorRegistry.js"
import * as Extension from "../src/Extension.js"
import * as RegisteredApi from "../src/RegisteredApi.js"
import * as Registrar from "../src/Registrar.js"
import { extensions } from "./Catalogue/application.js"
import { start } from "./support/http.js"

const catalogue = Effect.runSync(Catalogue.fromExtensions(extensions))

const entryOf = (id: string, from = catalogue) =>
  from.errors.find((error) => error.id === id) ?? assert.fail(`there is no ${id}`)

const registries = Layer.merge(ErrorRegistry.layer, AuditRegistry.layer)

const of = (contents: Extension.Contents) =>
  Effect.runSync(Catalogue.fromExtensions([{ name: "x", errors: [], exceptions: [], auditEvents: [], ...contents }]))

describe("the data", () => {
  it("has everything about an error", () => {
    assert.deepStrictEqual(entryOf("auth-rate-limited"), {
      id: "auth-rate-limited",
      status: 429,
      reason: "Too Many Requests",
      title: "Auth rate limited",
      message: "Too many failed logins from {ip}, try again in {minutes} minutes",
      isDefault: true,
      exceptions: [],
      extension: "auth",
      description:
        "Somebody has failed to log in from this address too often. The count starts again after the time in `Retry-After`.",
      since: "1.2.0",
      fields: {
        type: "object",
        properties: {
          ip: { type: "string", description: "Where the logins came from", examples: ["192.0.2.7"] },
          minutes: { type: "integer", description: "How long the client has to wait", title: "int", examples: [15] }
        },
        required: ["ip", "minutes"]
      },
      headers: { "retry-after": "900" },
      example: {
        error: {
          id: "auth-rate-limited",
          message: "Too many failed logins from 192.0.2.7, try again in 15 minutes",
          details: { ip: "192.0.2.7", minutes: 15 }
        }
      }
    })
    assert.deepStrictEqual(entryOf("configs-template-broken").exceptions, ["TemplateBroken"])
    assert.isFalse(entryOf("configs-not-found").isDefault)
  })

  it("has everything about an audit event", () => {
    assert.deepStrictEqual(
      catalogue.auditEvents.find(({ type }) => type === "auth-login-failed"),
      {
        type: "auth-login-failed",
        level: "WARNING",
        title: "Auth login failed",
        message: "User '{user}' failed to log in from {ip}: {reason}",
        extension: "auth",
        description: "Recorded before the answer is sent, so that a flood of logins is seen even where none succeeds.",
        since: "1.0.0",
        fields: {
          type: "object",
          properties: { reason: { type: "string", enum: ["unknown user", "wrong password", "locked"] } },
          required: ["reason"]
        },
        collapse: { withinMillis: 300_000, by: ["ip"] }
      }
    )
  })

  it("is in the order of the extensions, what is built in last", () => {
    assert.deepStrictEqual(catalogue.errors.map(({ id, status }) => `${status} ${id}`).slice(0, 6), [
      "401 auth-session-expired",
      "429 auth-rate-limited",
      "404 configs-not-found",
      "410 configs-not-found",
      "422 configs-invalid",
      "500 configs-template-broken"
    ])
    const rest = catalogue.errors.slice(6)
    assert.sameMembers(
      rest.map(({ id }) => id),
      builtIns.map(({ id }) => id)
    )
    assert.isTrue(rest.every(({ extension }) => extension === "effect-registrar"))
  })

  it.effect("shows overrides in the place of what they override", () =>
    Effect.gen(function* () {
      class NoPage extends ApiError.make<NoPage>()("not-found", { status: 404, message: "No such page" }) {}
      const { errors } = yield* Catalogue.make.pipe(
        Effect.provide(Layer.provideMerge(ErrorRegistry.override(NoPage), registries))
      )
      const found = errors.filter(({ id }) => id === "not-found")
      assert.deepStrictEqual(
        found.map(({ message, extension, isDefault }) => ({ message, extension, isDefault })),
        [{ message: "No such page", extension: "the application", isDefault: true }]
      )
    })
  )

  it("shows secrets as text, and gives none away", () => {
    class Denied extends ApiError.make<Denied>()("x-denied", {
      status: 403,
      message: "No",
      fields: { token: Schema.Redacted(Schema.String).annotations({ examples: [Redacted.make("hush")] }) }
    }) {}
    const entry = entryOf("x-denied", of({ errors: [Denied] }))
    assert.deepStrictEqual(entry.fields["properties"], { token: { type: "string" } })
    assert.notInclude(JSON.stringify(entry), "hush")
    assert.include(JSON.stringify(entry.example), "<redacted>")
  })

  it("has fields as they are on the wire", () => {
    const Renamed = Schema.propertySignature(Schema.NumberFromString).pipe(Schema.fromKey("Count"))
    class Odd extends ApiError.make<Odd>()("x-odd", {
      status: 400,
      message: "Odd",
      fields: { at: Schema.Date, count: Renamed, maybe: Schema.optional(Schema.String) }
    }) {}
    const { fields } = entryOf("x-odd", of({ errors: [Odd] }))
    assert.deepStrictEqual(fields["required"], ["at", "Count"])
    assert.deepStrictEqual(Object.keys(Object(fields["properties"])), ["at", "Count", "maybe"])
  })

  it("is there for Schemas that have no JSON Schema, no example, or throw", () => {
    class Strange extends ApiError.make<Strange>()("x-strange", {
      status: 400,
      message: "Strange",
      fields: {
        size: Schema.BigIntFromSelf,
        never: Schema.Never,
        map: Schema.instanceOf(Map),
        throws: Schema.String.pipe(
          Schema.filter(() => {
            throw new Error("not this")
          })
        )
      },
      headers: () => {
        throw new Error("not these")
      }
    }) {}
    const { fields, headers } = entryOf("x-strange", of({ errors: [Strange] }))
    assert.deepStrictEqual(Object.keys(Object(fields["properties"])), ["size", "never", "map", "throws"])
    assert.deepStrictEqual(headers, {})
  })
})

describe("fromExtensions", () => {
  it("fails with everything that is wrong", () => {
    const make = (name: string) => {
      class Twice extends ApiError.make<Twice>()(`${name}-twice`, { status: 400, message: "Twice" }) {}
      return Extension.make(name, {
        errors: [Twice],
        auditEvents: [AuditEvent.make(`${name}-done`, { level: "Info", message: "Done" })]
      })
    }
    const failed = Effect.runSync(Effect.flip(Catalogue.fromExtensions([make("a"), make("a"), make("b"), make("b")])))
    assert.strictEqual(failed._tag, "RegistrationConflict")
    for (const name of ["a-twice", "a-done", "b-twice", "b-done"]) assert.include(failed.message, name)
  })

  it("takes an extension that is given twice", () => {
    assert.deepStrictEqual(Effect.runSync(Catalogue.fromExtensions([...extensions, ...extensions])), catalogue)
  })
})

describe("of apis", () => {
  class Lent extends ApiError.make<Lent>()("books-lent", { status: 409, message: "The book is lent" }) {}
  class Closed extends ApiError.make<Closed>()("hours-closed", { status: 503, message: "Closed" }) {}
  class Damp extends ApiError.make<Damp>()("air-damp", { status: 409, message: "The air is damp" }) {}
  const lend = HttpApiEndpoint.post("lend", "/loans").addError(Lent).addError(Closed).addError(NotFound)
  const loans = HttpApiGroup.make("loans").add(lend).addError(Damp).addError(Closed)
  class Library extends RegisteredApi.make("library").add(loans) {}
  const Books = Extension.make("books", { errors: [Lent] })

  it("has every error that is declared, once, under the name of the api", () => {
    assert.deepStrictEqual(RegisteredApi.errorsOf(Library), [Lent, Closed, Damp])
    const { errors } = Effect.runSync(Catalogue.fromExtensions([], [Library, Library]))
    assert.deepStrictEqual(
      errors.filter(({ extension }) => extension === "library").map(({ id, isDefault }) => [id, isDefault]),
      [
        ["air-damp", false],
        ["books-lent", true],
        ["hours-closed", false]
      ]
    )
  })

  it("leaves to an extension what it has", () => {
    const { errors } = Effect.runSync(Catalogue.fromExtensions([Books], [Library]))
    assert.strictEqual(errors.find(({ id }) => id === "books-lent")?.extension, "books")
    assert.lengthOf(
      errors.filter(({ id }) => id === "books-lent"),
      1
    )
  })

  it("fails where another error has the id, and where what is declared is none", () => {
    class Other extends ApiError.make<Other>()("books-lent", { status: 409, message: "Other" }) {}
    const other = Extension.make("books", { errors: [Other] })
    const conflict = Effect.runSync(Effect.flip(Catalogue.fromExtensions([other], [Library])))
    assert.include(conflict.message, "the error 'books-lent (409)' is registered by 'books' and by 'library'")
    const strange = RegisteredApi.make("strange").add(
      HttpApiGroup.make("g").add(HttpApiEndpoint.get("get", "/").addError(Schema.Struct({ a: Schema.String })))
    )
    assert.deepStrictEqual(RegisteredApi.errorsOf(strange), [])
    const invalid = Effect.runSync(Effect.flip(Catalogue.fromExtensions([], [strange])))
    assert.include(invalid.message, "of 'strange': it is no ApiError: declare it with ApiError.make")
  })
})

describe("the JSON", () => {
  it("is read again", () => {
    assert.deepStrictEqual(Catalogue.fromJson(Catalogue.toJson(catalogue)), Either.right(catalogue))
  })

  it("hides nothing", () => {
    const hostile = {
      ...catalogue,
      errors: [{ ...entryOf("not-found"), message: "\u202egnorw\u0085\u2028\ud800\u001b[2J" }]
    }
    const json = Catalogue.toJson(hostile)
    assert.match(json, /^[\n\x20-\x7e]*$/)
    assert.deepStrictEqual(Catalogue.fromJson(json), Either.right(hostile))
  })

  it("says why it cannot be read", () => {
    const problemOf = (json: string) => Either.getOrThrow(Either.flip(Catalogue.fromJson(json))).message
    assert.strictEqual(problemOf("{"), "it is no JSON")
    assert.strictEqual(problemOf("[]"), "it is no catalogue of errors and audit events")
    assert.include(problemOf(JSON.stringify({ ...catalogue, version: 2 })), "version 2")
    const damaged = { ...catalogue, errors: [{ ...entryOf("not-found"), status: "404" }] }
    assert.include(problemOf(JSON.stringify(damaged)), "errors.0.status")
  })
})

describe("the pages", () => {
  it("have the policy of their style and script", () => {
    for (const text of [style, script]) {
      assert.include(policy, `'sha256-${createHash("sha256").update(text).digest("base64")}'`)
    }
  })
})

describe("layer", () => {
  it.scopedLive("serves pages and JSON", () =>
    Effect.gen(function* () {
      const [auth, configs] = extensions
      const app = Catalogue.layer({ title: "Server" }).pipe(Layer.provide([auth.layer, configs.layer]))
      const server = yield* start(Registrar.serve(app))
      const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
        server.request("GET", path, { headers })

      const page = yield* get("/errors")
      assert.strictEqual(page.status, 200)
      assert.strictEqual(page.headers["content-type"], "text/html; charset=utf-8")
      assert.include(page.headers["content-security-policy"], "default-src 'none'")
      assert.include(page.body, "<title>Errors - Server</title>")
      for (const { id } of catalogue.errors) assert.include(page.body, `<article class="entry" id="${id}"`)

      const again = yield* get("/errors", { "if-none-match": String(page.headers["etag"]) })
      assert.deepInclude(again, { status: 304, body: "" })

      const both = (yield* get("/errors/configs-not-found")).body
      assert.include(both, "404 Not Found")
      assert.include(both, "410 Gone")
      assert.include((yield* get("/audit-events/auth-login-failed")).body, "5m")
      assert.include((yield* get("/audit-events")).body, "registrar-trail-sealed")
      // What the `type` of a problem detail refers to.
      for (const { id } of builtIns) assert.strictEqual((yield* get(`/errors/${id}`)).status, 200)

      for (const path of ["/errors/nobody", "/audit-events/nobody", "/errors/%00%ff"]) {
        const missing = yield* get(path)
        assert.isTrue(missing.status === 404 || missing.status === 400, path)
      }
      assert.include((yield* get("/errors/nobody")).body, '"id":"not-found"')

      const json = yield* get("/catalogue.json")
      assert.strictEqual(json.headers["content-type"], "application/json")
      assert.deepStrictEqual(Catalogue.fromJson(json.body), Either.right(catalogue))
      assert.strictEqual((yield* get("/errors", { accept: "application/json" })).body, json.body)
      const one = yield* get("/errors/configs-not-found", { accept: "application/json, text/html;q=0.9" })
      const { auditEvents, errors } = Either.getOrThrow(Catalogue.fromJson(one.body))
      assert.deepStrictEqual([errors.map(({ status }) => status), auditEvents.length], [[404, 410], 0])
      assert.include(
        (yield* get("/errors", { accept: "text/html,application/json;q=0.9,*/*;q=0.8" })).body,
        "<!doctype"
      )
    })
  )

  it.scopedLive("lets a browser do nothing with its answers but show them", () =>
    Effect.gen(function* () {
      const server = yield* start(Registrar.serve(Catalogue.layer()))
      const paths = ["/errors", "/errors/not-found", "/audit-events", "/audit-events/registrar-trail-sealed"]
      for (const path of [...paths, "/catalogue.json"]) {
        for (const accept of ["text/html", "application/json"]) {
          const { headers, status } = yield* server.request("GET", path, { headers: { accept } })
          assert.strictEqual(status, 200, path)
          assert.strictEqual(headers["content-security-policy"], `${policy}; frame-ancestors 'none'`)
          assert.strictEqual(headers["x-content-type-options"], "nosniff")
          assert.strictEqual(headers["referrer-policy"], "no-referrer")
          assert.strictEqual(headers["cache-control"], "no-cache")
          assert.strictEqual(headers["vary"], "accept")
        }
      }
    })
  )

  it.scopedLive("describes nothing for a name that nobody has", () =>
    Effect.gen(function* () {
      let made = 0
      class Counted extends ApiError.make<Counted>()("x-counted", { status: 400, message: "Counted" }) {
        constructor() {
          super()
          made++
        }
      }
      const Counting = Extension.make("x", { errors: [Counted] })
      const server = yield* start(Registrar.serve(Catalogue.layer().pipe(Layer.provide(Counting.layer))))
      for (const path of ["/errors/x-nobody", "/errors/x-count", "/audit-events/x-counted"]) {
        assert.strictEqual((yield* server.request("GET", path)).status, 404, path)
      }
      assert.strictEqual(made, 0)
      assert.strictEqual((yield* server.request("GET", "/errors/x-counted")).status, 200)
      assert.strictEqual(made, 1)
    })
  )

  it.scopedLive("answers at once for an unknown name among 10,000 errors", () =>
    Effect.gen(function* () {
      const errors = Array.from(
        { length: 10_000 },
        (_, nth) => ApiError.make()(`x-${nth}`, { status: 400, message: "Text" }) as ApiError.Any
      )
      const many: Extension.Contents & { readonly name: string } = { name: "x", errors }
      const register = Layer.effectDiscard(Extension.register(many))
      const server = yield* start(Registrar.serve(Catalogue.layer().pipe(Layer.provide(register))))
      yield* server.request("GET", "/errors/nobody")
      const begun = performance.now()
      for (let nth = 0; nth < 20; nth++) yield* server.request("GET", `/errors/nobody-${nth}`)
      // Describing takes seconds.
      assert.isBelow((performance.now() - begun) / 20, 50)
    })
  )

  it.scopedLive("is somewhere else, and tells what is registered later", () =>
    Effect.gen(function* () {
      class Late extends ApiError.make<Late>()("late-error", { status: 400, message: "Late" }) {}
      const register = HttpLayerRouter.add(
        "POST",
        "/plugins",
        Effect.gen(function* () {
          yield* Effect.orDie(Extension.register({ name: "late", errors: [Late] }))
          return HttpServerResponse.empty()
        })
      )
      const app = Layer.mergeAll(Catalogue.layer({ prefix: "/docs" }), register)
      const server = yield* start(Registrar.serve(app))
      assert.strictEqual((yield* server.request("GET", "/errors")).status, 404)
      assert.notInclude((yield* server.request("GET", "/docs/errors")).body, "late-error")
      yield* server.request("POST", "/plugins")
      assert.include((yield* server.request("GET", "/docs/errors")).body, "late-error")
    })
  )
})
