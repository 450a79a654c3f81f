// Errors, made and answered without a server.
import { HttpServerResponse } from "@effect/platform"
import { Effect } from "effect"
import assert from "node:assert/strict"
import { AuditSink, HttpErrors } from "../../../dist/index.js"
import * as ByHand from "../servers/byHand.mjs"
import * as Registered from "../servers/registered.mjs"
import { repeat, runWith, timed } from "./effect.mjs"

const count = 50_000
const handled = HttpErrors.handle(Registered.limited)
/** It may be bytes or text. */
const bodyOf = (answer) => Effect.flatMap(answer, (made) => Effect.promise(() => HttpServerResponse.toWeb(made).text()))

const answering = (answer) => () => () =>
  runWith(
    Effect.gen(function* () {
      assert.equal(yield* bodyOf(answer), yield* bodyOf(ByHand.limited), "The answers differ")
      return yield* timed(
        count,
        repeat(count, () => answer)
      )
    }),
    { sink: AuditSink.empty }
  )

export const contestants = { byHand: answering(ByHand.limited), handle: answering(handled) }
