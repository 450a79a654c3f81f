import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Stream, TestClock } from "effect"
import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { mkdtempSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll } from "vitest"
import * as Catalogue from "../../src/Catalogue.js"
import * as Cli from "../../src/Cli.js"
import { Standard } from "../../src/Cli/Standard.js"
import { extensions } from "../Catalogue/application.js"

const application = "test/Catalogue/application.ts"
const expected = Effect.runSync(Catalogue.fromExtensions(extensions))

const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let out = ""
    let err = ""
    const output = (take: (text: string) => void) => ({
      isTerminal: true,
      columns: () => 80,
      write: (text: string) => Effect.sync(() => take(text))
    })
    const code = yield* Cli.run(["node", "registrar", "catalogue", ...args]).pipe(
      Effect.provideService(Standard, {
        stdin: Stream.empty,
        stdout: output((text) => (out += text)),
        stderr: output((text) => (err += text))
      }),
      Effect.provide(NodeContext.layer)
    )
    return { code, out, err }
  })

/** A new folder, and how to write files into it. */
const inFolder = <A, E>(
  name: string,
  body: (write: (file: string, text: string) => Effect.Effect<string>) => Effect.Effect<A, E, FileSystem.FileSystem>
) =>
  it.live(name, () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      return yield* body((file, text) =>
        Effect.as(Effect.orDie(fs.writeFileString(join(folder, file), text)), join(folder, file))
      )
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))
  )

describe("catalogue", () => {
  it.live("writes Markdown, HTML and JSON", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(application), { code: 0, out: Catalogue.toMarkdown(expected), err: "" })
      assert.deepStrictEqual(yield* run(application, "--format", "html", "--title", "Server"), {
        code: 0,
        out: Catalogue.toHtml(expected, { title: "Server" }),
        err: ""
      })
      assert.deepStrictEqual(yield* run(application, "--format", "json"), {
        code: 0,
        out: Catalogue.toJson(expected),
        err: ""
      })
    })
  )

  inFolder("writes a file", (write) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = yield* write("out.json", "something longer than that".repeat(10_000))
      assert.deepStrictEqual(yield* run(application, "--format", "json", "-o", file), { code: 0, out: "", err: "" })
      assert.strictEqual(yield* fs.readFileString(file), Catalogue.toJson(expected))
      const nowhere = yield* run(application, "-o", join(file, "x"))
      assert.strictEqual(nowhere.code, 2)
      assert.include(nowhere.err, "cannot be written")
      // What fails writes nothing.
      assert.strictEqual((yield* run("./missing.js", "-o", file)).code, 2)
      assert.strictEqual(yield* fs.readFileString(file), Catalogue.toJson(expected))
    })
  )

  inFolder("finds extensions wherever a module exports them, also of another copy of the library", (write) =>
    Effect.gen(function* () {
      const extension = (name: string) =>
        `{ name: "${name}", errors: [], exceptions: [], layer: {},
           auditEvents: [{ ...event, type: "${name}-event" }] }`
      const file = yield* write(
        "extensions.mjs",
        `const event = { level: "Info", text: "Text", fields: {},
           template: { _tag: "Right", right: { text: "Text", parameters: [], parts: ["Text"] } } }
         export const One = ${extension("one")}
         export const list = [${extension("two")}, One, "other"]
         export default { three: ${extension("three")}, get bad() { throw new Error("no") } }
         export const others = { name: "x", errors: [] }
         export const nothing = null`
      )
      const { code, err, out } = yield* run(file, "--format", "json")
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      for (const name of ["one", "two", "three"]) assert.include(out, `"${name}-event"`)
    })
  )

  inFolder("never writes over the module", (write) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const text = `export default { name: "zoo", errors: [], exceptions: [], auditEvents: [], layer: {} }`
      const file = yield* write("module.mjs", text)
      const link = `${file}.link.mjs`
      yield* fs.symlink(file, link)
      for (const [module, output] of [
        [file, file],
        [file, link],
        [link, file],
        [file, join(file, "..", ".", "module.mjs")]
      ] as const) {
        const { code, err, out } = yield* run(module, "-o", output)
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
        assert.include(err, `'${output}' is the module '${module}' itself`)
        assert.strictEqual(yield* fs.readFileString(file), text)
      }
      assert.deepStrictEqual(yield* run(file, "-o", `${file}.md`), { code: 0, out: "", err: "" })
    })
  )

  inFolder("documents apis, and what they share with extensions once", (write) =>
    Effect.gen(function* () {
      const source = (name: string) => JSON.stringify(resolve("src", name))
      const file = yield* write(
        "library.mjs",
        `import { HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
         import * as ApiError from ${source("ApiError.ts")}
         import * as Extension from ${source("Extension.ts")}
         import * as RegisteredApi from ${source("RegisteredApi.ts")}
         class Lent extends ApiError.make()("books-lent", { status: 409, message: "The book is lent" }) {}
         class Closed extends ApiError.make()("library-closed", { status: 503, message: "Closed" }) {}
         export const Books = Extension.make("books", { errors: [Lent] })
         const group = HttpApiGroup.make("loans").add(HttpApiEndpoint.post("lend", "/loans").addError(Lent).addError(Closed))
         export class Library extends RegisteredApi.make("library").add(group) {}
         export const list = [Library]`
      )
      const { code, err, out } = yield* run(file, "--format", "json")
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      const { errors } = Either.getOrThrow(Catalogue.fromJson(out))
      assert.deepStrictEqual(
        errors.slice(0, 2).map(({ id, extension }) => ({ id, extension })),
        [
          { id: "books-lent", extension: "books" },
          { id: "library-closed", extension: "library" }
        ]
      )
    })
  )

  inFolder("survives whatever else a module exports", (write) =>
    Effect.gen(function* () {
      const good = (name: string) => `{ name: "${name}", errors: [], exceptions: [], layer: {},
        auditEvents: [{ type: "${name}-event", level: "Info", text: "Text", fields: {},
          template: { _tag: "Right", right: { text: "Text", parameters: [], parts: ["Text"] } } }] }`
      const file = yield* write(
        "odd.mjs",
        `const no = () => { throw new Error("x") }
         export const a = new Proxy({}, { ownKeys: no, getPrototypeOf: () => Object.prototype })
         export const b = new Proxy({}, { get: no, getPrototypeOf: no })
         const revoked = Proxy.revocable([], {})
         revoked.revoke()
         export const c = revoked.proxy
         export const d = new Proxy(function () {}, { get: no, has: no })
         export const cyclic = []
         cyclic.push(cyclic, cyclic, { cyclic })
         export const matrix = Array.from({ length: 3000 }, () => Array.from({ length: 3000 }, () => ({})))
         export const bytes = new Uint8Array(100_000_000)
         export const y = new Array(2 ** 32 - 1)
         export const z = { last: ${good("last")} }
         export default [${good("first")}]`
      )
      const begun = performance.now()
      const { code, err, out } = yield* run(file, "--format", "json")
      assert.isBelow(performance.now() - begun, 5000)
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      for (const name of ["first", "last"]) assert.include(out, `"${name}-event"`)
    })
  )

  inFolder("says what is wrong with a module", (write) =>
    Effect.gen(function* () {
      const empty = yield* write("empty.mjs", "export const one = 1")
      const throwing = yield* write("throwing.mjs", `throw new Error("no \\u001b[31m database\\nat all")`)
      const broken = yield* write("broken.mjs", "export const = 1")
      const importing = yield* write("importing.mjs", `import "./nobody.mjs"`)
      const typed = yield* write("typed.mts", `import "./nobody.mjs"`)
      const twice = yield* write(
        "twice.mjs",
        `const event = () => ({ type: "a-event", level: "Info", text: "Text", fields: {},
           template: { _tag: "Right", right: { text: "Text", parameters: [], parts: ["Text"] } } })
         const make = () => ({ name: "a", errors: [], exceptions: [], layer: {}, auditEvents: [event()] })
         export default [make(), make()]`
      )
      for (const [args, message] of [
        [[], "Give one module that exports extensions"],
        [["./missing.js"], "The module './missing.js' is not there"],
        [["."], "The module '.' is a folder"],
        [["no-such-package"], "neither a file 'no-such-package' here, nor a package"],
        [["cat/missing.mjs"], "There is neither a file 'cat/missing.mjs' here, nor a package that has it"],
        [["cat.mjs"], "There is neither a file 'cat.mjs' here, nor a package that has it"],
        [["@acme/cat"], "neither a file '@acme/cat' here, nor a package of that name"],
        [["@acme/cat/missing.js"], "neither a file '@acme/cat/missing.js' here, nor a package that has it"],
        [[empty], "exports neither an extension nor an api made with RegisteredApi.make"],
        [[throwing], "cannot be loaded: no \\u001b[31m database"],
        [[broken], "cannot be loaded"],
        [[importing], "cannot be loaded"],
        [[typed], 'It is TypeScript: give what it compiles to, or set NODE_OPTIONS="--import tsx"'],
        [
          [twice],
          "Registrations exclude each other: the audit event 'a-event' is registered by two that are called 'a'"
        ],
        [[application, "--formt", "md"], "--formt"],
        [["--format", "pdf", application], ""]
      ] as const) {
        const { code, err, out } = yield* run(...args)
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" }, args.join(" "))
        assert.include(err, message)
      }
    })
  )

  it.scoped("waits for a module only so long", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const file = join(folder, "waiting.mjs")
      yield* fs.writeFileString(file, "globalThis.isWaiting = true; await new Promise(() => {})")
      const fiber = yield* Effect.fork(run(file))
      // It is being loaded.
      yield* Effect.promise(async () => {
        while (!("isWaiting" in globalThis)) await new Promise((resume) => setImmediate(resume))
      })
      yield* TestClock.adjust("31 seconds")
      const { code, err } = yield* Fiber.join(fiber)
      assert.strictEqual(code, 2)
      assert.include(err, "is still not loaded after 30 seconds")
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("catalogue diff", () => {
  const json = (change: (text: string) => string = (text) => text) => change(Catalogue.toJson(expected))
  const added = { ...expected.errors[0], id: "auth-new" }
  const withNew = json((text) => text.replace(/"errors": \[/, (found) => `${found}${JSON.stringify(added)},`))

  inFolder("succeeds where nothing breaks", (write) =>
    Effect.gen(function* () {
      const old = yield* write("old.json", json())
      const now = yield* write("new.json", withNew)
      assert.deepStrictEqual(yield* run("diff", old, old), { code: 0, out: "Nothing changed\n", err: "" })
      assert.deepStrictEqual(yield* run("diff", old, now), {
        code: 0,
        out: "Nothing breaks clients\n\n1 other change\n\n  error auth-new: added, 401\n",
        err: ""
      })
    })
  )

  inFolder("fails where clients break", (write) =>
    Effect.gen(function* () {
      const old = yield* write("old.json", withNew)
      const now = yield* write(
        "new.json",
        json((text) => text.replace('"status": 429', '"status": 430').replace("Too many failed", "\\u001b[31mToo many"))
      )
      assert.deepStrictEqual(yield* run("diff", old, now), {
        code: 1,
        out:
          "2 changes break clients\n\n  error auth-new: removed, 401\n  error auth-rate-limited: status changed, 429 -> 430\n" +
          "\n1 other change\n\n  error auth-rate-limited: message changed, \\u001b[31mToo many logins from {ip}, try again in {minutes} minutes\n",
        err: ""
      })
      const { code, out } = yield* run("diff", "--json", old, now)
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(JSON.parse(out), {
        breaks: true,
        changes: [
          { subject: "error", name: "auth-new", status: null, kind: "removed", breaks: true, detail: "401" },
          {
            subject: "error",
            name: "auth-rate-limited",
            status: null,
            kind: "status changed",
            breaks: true,
            detail: "429 -> 430"
          },
          {
            subject: "error",
            name: "auth-rate-limited",
            status: null,
            kind: "message changed",
            breaks: false,
            detail: "\u001b[31mToo many logins from {ip}, try again in {minutes} minutes"
          }
        ]
      })
    })
  )

  inFolder("says what cannot be compared", (write) =>
    Effect.gen(function* () {
      const good = yield* write("good.json", json())
      const bad = yield* write("bad.json", "{")
      const other = yield* write("other.json", "{}")
      const deep = yield* write(
        "deep.json",
        json((text) => text.replace('"fields": {', `"fields": { "deep": ${"[".repeat(5000)}${"]".repeat(5000)},`))
      )
      const twice = yield* write(
        "twice.json",
        json((text) => text.replace('"errors": [', `"errors": [${JSON.stringify(expected.errors[0])},`))
      )
      const later = yield* write(
        "later.json",
        json((text) => text.replace('"version": 1', '"version": 2'))
      )
      for (const [args, message] of [
        [[], "Give two files"],
        [[good], "Give two files"],
        [[good, good, good], "Give two files"],
        [[good, `${good}.missing`], "cannot be read"],
        [[bad, good], "it is no JSON"],
        [[good, other], "it is no catalogue"],
        [[good, later], "version 2"],
        [[good, deep], "nested deeper than 256 levels"],
        [[twice, good], "the catalogue is damaged at 'errors.1': 'auth-session-expired' with 401 is there twice"],
        [[good, good, "--jsn"], "--jsn"]
      ] as const) {
        const { code, err, out } = yield* run("diff", ...args)
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" }, args.join(" "))
        assert.include(err, message)
      }
    })
  )
})

describe("the program", () => {
  // Inside the repository, where packages are found.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href
  let folder = ""
  beforeAll(() => {
    folder = mkdtempSync(join(resolve("."), "var-catalogue-"))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const program = (
    args: ReadonlyArray<string>,
    options: { readonly cwd?: string; readonly nodeOptions?: string; readonly readAfter?: number } = {}
  ) =>
    Effect.async<{ readonly code: number | null; readonly out: string; readonly err: string }>((resume) => {
      const child = spawn(process.execPath, ["--import", tsx, resolve("src/bin.ts"), "catalogue", ...args], {
        cwd: options.cwd ?? resolve("."),
        env: { ...process.env, NODE_OPTIONS: options.nodeOptions ?? "" }
      })
      let out = ""
      let err = ""
      setTimeout(() => child.stdout.on("data", (data) => (out += data)), options.readAfter ?? 0)
      child.stderr.on("data", (data) => (err += data))
      child.on("close", (code) => resume(Effect.succeed({ code, out, err })))
    })

  it.live("loads TypeScript where Node is given a loader, and modules that keep something open", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const open = join(folder, "open.ts")
      yield* fs.writeFileString(
        open,
        `setInterval(() => {}, 1000)\nexport { extensions } from ${JSON.stringify(resolve(application))}\n`
      )
      const { code, err, out } = yield* program([open, "--format", "json"])
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.strictEqual(out, Catalogue.toJson(expected))
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.live("ends with its own sentence and code, whatever the module has started", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const server = join(folder, "server.mjs")
      yield* fs.writeFileString(
        server,
        `import { createServer } from "node:http"
         createServer().listen(0)
         setTimeout(() => {
           console.error("my own error")
           process.exit(7)
         }, 700)\n`
      )
      const { code, err, out } = yield* program([server])
      assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
      assert.match(err, /^[^\n]*exports neither an extension nor an api made with RegisteredApi.make[^\n]*\n$/)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.live("prints everything to a pipe that is read late", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const large = join(folder, "large.mjs")
      yield* fs.writeFileString(
        large,
        `const text = "Text ".repeat(1000)
         const event = (nth) => ({ type: "zoo-" + nth, level: "Info", text, fields: {},
           template: { _tag: "Right", right: { text, parameters: [], parts: [text] } } })
         export default { name: "zoo", errors: [], exceptions: [], layer: {},
           auditEvents: Array.from({ length: 500 }, (_, nth) => event(nth)) }
         setInterval(() => {}, 1000)`
      )
      const { code, err, out } = yield* program([large, "--format", "json"], { readAfter: 4000 })
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.isAbove(out.length, 2_500_000)
      assert.isTrue(Either.isRight(Catalogue.fromJson(out)))
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.live("finds packages from where it is called", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const name = join(folder, "node_modules", "zoo-errors")
      yield* fs.makeDirectory(name, { recursive: true })
      yield* fs.writeFileString(
        join(name, "package.json"),
        JSON.stringify({ name: "zoo-errors", exports: "./index.mjs", type: "module" })
      )
      yield* fs.writeFileString(
        join(name, "index.mjs"),
        `export default { name: "zoo", errors: [], exceptions: [], auditEvents: [], layer: {} }`
      )
      const { code, err, out } = yield* program(["zoo-errors"], { cwd: folder })
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.include(out, "# Errors and audit events")
      const missing = yield* program(["zoo-errors/missing.mjs"], { cwd: folder })
      assert.deepStrictEqual(missing, {
        code: 2,
        out: "",
        err: "There is neither a file 'zoo-errors/missing.mjs' here, nor a package that has it\n"
      })
    }).pipe(Effect.provide(NodeContext.layer))
  )
})
