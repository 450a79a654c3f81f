/**
 * Plays a case: builds its applications, makes its requests, and says what was observed.
 */
import { HttpServer } from "@effect/platform"
import { Cause, Console, Effect, Either, Exit, Fiber, Layer, Scope } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Application from "./application.js"
import * as Classes from "./classes.js"
import { capturing, type ConsoleLine } from "./console.js"
import { isConcurrent, NotPlayable, type Case, type Observed, type Request, type Setup } from "./format.js"
import * as Observe from "./observe.js"
import * as Requests from "./requests.js"

export const play = (given: Case): Effect.Effect<Observed, NotPlayable> =>
  playHere(given).pipe(
    Effect.scoped,
    Effect.timeoutFail({
      duration: "60 seconds",
      onTimeout: () => new NotPlayable({ reason: "it did not end within 60 seconds" })
    })
  )

const playHere = (given: Case) =>
  Effect.gen(function* () {
    const declarations = [...(given.setup.exceptions ?? []), ...(given.other_app?.exceptions ?? [])]
    const classes = yield* Classes.make(declarations, [given.setup, given.other_app])
    const running = yield* Scope.make()
    yield* Effect.addFinalizer((exit) => Scope.close(running, exit))
    const start = (setup: Setup, app?: "other") => {
      const requests = given.requests.filter((request) => request.app === app)
      return startApplication({ setup, classes, requests, running })
    }

    const first = yield* start(given.setup)
    if (Either.isLeft(first.started)) return { startup: { ok: false, raised: first.started.left } }
    const other = given.other_app === undefined ? undefined : yield* start(given.other_app, "other")
    if (other !== undefined && Either.isLeft(other.started))
      return { startup: { ok: false, raised: other.started.left } }

    const apps = { first: first.started.right, other: other && Either.getOrThrow(other.started) }
    const responses = yield* Effect.suspend(makeRequests(given.requests, apps))
    // Closing writes what is still waiting, and ends what is still running.
    yield* Scope.close(running, Exit.void)

    const logs = "files" in given.observed ? yield* observeFiles(first, given) : yield* observeLogs(first, given.setup)
    const otherLogs = other === undefined ? undefined : yield* observeLogs(other, given.other_app ?? given.setup)
    const plain = Observe.plain([...first.written, ...(other?.written ?? [])])
    return {
      startup: { ok: true },
      registrations: first.outcomes,
      ...(other === undefined ? {} : { other_registrations: other.outcomes }),
      responses,
      ...logs,
      ...(otherLogs === undefined ? {} : { other_audit: otherLogs.audit, other_application: otherLogs.application }),
      ...(plain.length === 0 ? {} : { console_plain: plain })
    }
  })

interface Started {
  readonly port: number
  readonly asProxy: boolean
}

const startApplication = (options: {
  readonly setup: Setup
  readonly classes: Classes.Classes
  readonly requests: ReadonlyArray<Request>
  readonly running: Scope.Scope
}) =>
  Effect.gen(function* () {
    const { setup, classes, requests, running } = options
    const folder = yield* temporaryFolder
    const outcomes: Array<Application.Outcome> = []
    const written: Array<ConsoleLine> = []
    // Only who sits behind a proxy believes what it says; so there is one where a case needs other addresses.
    const asProxy = requests.some(({ remote_addr }) => (remote_addr ?? Requests.localAddress) !== Requests.localAddress)
    const exit = yield* Application.layer({ setup, classes, folder, outcomes, trustedProxies: asProxy ? 1 : 0 }).pipe(
      Layer.buildWithScope(running),
      Effect.flatMap((context) => Effect.provide(HttpServer.addressWith(Effect.succeed), context)),
      Console.withConsole(capturing(written)),
      // In a fiber of its own, as a launched application is: its loggers are not those of the next one.
      Effect.fork,
      Effect.flatMap(Fiber.await)
    )
    const started: Either.Either<Started, { readonly type: string; readonly message: string }> = Exit.match(exit, {
      onSuccess: (address) => Either.right({ port: address._tag === "TcpAddress" ? address.port : 0, asProxy }),
      onFailure: (cause) => Either.left(raised(Cause.squash(cause)))
    })
    return { folder, outcomes, written, started }
  })

type Application = Effect.Effect.Success<ReturnType<typeof startApplication>>

const raised = (failure: unknown) =>
  failure instanceof Error ? { type: failure.name, message: failure.message } : { type: "", message: String(failure) }

/** Outlives the application, which is closed before its logs are read. */
const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "conformance-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

const makeRequests =
  (requests: ReadonlyArray<Request>, apps: { readonly first: Started; readonly other: Started | undefined }) => () => {
    let made = 0
    return Effect.forEach(requests, (request) => {
      const app = request.app === "other" ? apps.other : apps.first
      if (app === undefined) return new NotPlayable({ reason: "there is no other application to make a request to" })
      const once = Effect.suspend(() =>
        Effect.match(Requests.send(request, { ...app, index: made++ }), {
          onSuccess: (response): unknown => Observe.response(response),
          onFailure: (error): unknown => Observe.noAnswer(error)
        })
      )
      if (request.times === undefined) return once
      const all = Effect.replicate(once, request.times)
      return Effect.map(Effect.all(all, { concurrency: request.concurrency ?? 1 }), Observe.repeated)
    })
  }

const observeLogs = ({ folder, written }: Application, setup: Setup) =>
  Effect.promise(async () => ({
    audit: await Observe.log(setup.audit, join(folder, Application.auditFile), written, "audit"),
    application: await Observe.log(setup.application, join(folder, Application.applicationFile), written, "application")
  }))

const observeFiles = ({ folder }: Application, { observed, requests }: Case) =>
  Effect.promise(async () => {
    const name = JSON.stringify(observed["files"]).includes(Application.auditFile)
      ? Application.auditFile
      : Application.applicationFile
    return { files: await Observe.files(folder, name, isConcurrent(requests)) }
  })
