// From page to page through a store that was filled.
import { Effect } from "effect"
import { stopwatch } from "../measure.mjs"
import { median } from "../report.mjs"
import { explain, reading, timedPage } from "./filled.mjs"

const limit = 100
const mostPages = 2000

/** So many pages make a figure. */
const some = 10

const paging = (query) => (_folder, url) => () =>
  reading(
    url,
    Effect.gen(function* () {
      const taken = stopwatch()
      const [times, cursors] = [[], []]
      let after
      do {
        cursors.push(after)
        const page = yield* timedPage(query, { limit, after })
        times.push(page.milliseconds)
        after = page.next
      } while (after !== undefined && times.length < mostPages)
      const pages = times.length
      const from = (start) => median(times.slice(start, start + some))
      const result = { count: pages, ...taken() }
      const [first, last] = yield* Effect.forEach([cursors[0], cursors.at(-1)], (after) =>
        explain(query, { limit, after })
      )
      return {
        ...result,
        pages,
        first: from(0),
        middle: from(Math.max(0, Math.floor((pages - some) / 2))),
        last: from(Math.max(0, pages - some)),
        firstBlocks: first.blocks,
        lastBlocks: last.blocks
      }
    })
  )

export const contestants = {
  all: paging({}),
  type: paging({ types: ["files-shared"] })
}
