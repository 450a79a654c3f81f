/**
 * Opens what an address names. Who reads files needs no driver, and none is loaded.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import { Effect, type Scope } from "effect"
import * as Address from "./Address.js"
import type { CliError } from "./CliError.js"
import { load, packages } from "./Driver.js"
import type { Store } from "./Store.js"

/** For reading: nothing is made or changed. */
export const open = (text: string): Effect.Effect<Store, CliError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* Address.parse(text)
    const { shown } = address
    switch (address._tag) {
      case "Postgres": {
        const { postgres } = yield* load(shown, packages.postgres, () => import("./SqlStore.js"))
        return yield* postgres(address)
      }
      case "Sqlite": {
        const { sqlite } = yield* load(shown, packages.sqlite, () => import("./SqlStore.js"))
        return yield* sqlite(address)
      }
      case "Nats": {
        const { nats } = yield* load(shown, packages.nats, () => import("./NatsStore.js"))
        return yield* nats(address)
      }
    }
  })
