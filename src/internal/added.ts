/**
 * What a request adds to an audit log, so that its response can wait for it.
 */
import { Context, type Effect } from "effect"
import type { Stage } from "./writer.js"

export class Added extends Context.Tag("effect-registrar/internal/Added")<
  Added,
  {
    /**
     * Resumes once what was added last is that safe, or cannot be made so for now. What was added before is as safe then, because
     * it was written before; of several audit logs, it is the one that was added to last.
     */
    untilSafe?: (stage: Stage) => Effect.Effect<void>
  }
>() {}
