/**
 * What the library says in the application log, on the standard error: the standard output is for records.
 */
import { Array as Arr, Cause, Effect, type Layer, Logger } from "effect"
import { visible } from "../internal/visible.js"
import { Standard } from "./Standard.js"

export const layer: Layer.Layer<never> = Logger.replaceEffect(
  Logger.defaultLogger,
  Effect.map(Standard, ({ stderr }) =>
    Logger.make(({ cause, message }) => {
      const error = Cause.isEmpty(cause) ? [] : [Cause.squash(cause)]
      const texts = [...Arr.ensure(message), ...error].map((each) =>
        each instanceof Error ? each.message : String(each)
      )
      Effect.runFork(Effect.ignore(stderr.write(`${visible(texts.join(": "))}\n`)))
    })
  )
)
