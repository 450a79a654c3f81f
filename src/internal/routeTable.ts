/**
 * Which methods a path has. The router keeps its table to itself, so a router that is watched tells it again here: 405 and
 * `Allow` (RFC 9110, section 15.5.6) cannot be answered without it.
 */
import { HttpLayerRouter } from "@effect/platform"
import { Effect } from "effect"

const { FindMyWay } = HttpLayerRouter

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

export interface RouteTable {
  /** The methods of the path, in the order of `Allow`; empty if nothing is there. HEAD comes with GET, OPTIONS with any. */
  readonly methodsOf: (url: string) => ReadonlyArray<string>
}

interface Recorder extends RouteTable {
  readonly record: (method: string, path: string) => void
}

export const make = (config: Partial<HttpLayerRouter.FindMyWay.RouterConfig>): Recorder => {
  const table = FindMyWay.make<true>(config)
  return {
    record: (method, path) => {
      for (const each of method === "*" ? methods : methods.filter((known) => known === method)) {
        if (table.has(each, path as HttpLayerRouter.PathInput)) continue
        table.on(each, path as HttpLayerRouter.PathInput, true)
      }
    },
    methodsOf: (url) => {
      const found = methods.filter((method) => table.find(method, url) !== undefined)
      if (found.length === 0) return []
      return [...new Set<string>([...found, ...(found.includes("GET") ? ["HEAD"] : []), "OPTIONS"])].sort()
    }
  }
}

/**
 * The same router, with every route that is added also recorded. Prefixes within prefixes are put together here, because the
 * platform puts them together the wrong way round.
 */
export const watch = (
  router: HttpLayerRouter.HttpRouter,
  table: Recorder,
  root = router,
  prefix = ""
): HttpLayerRouter.HttpRouter => ({
  ...router,
  add: (method, path, handler, options) =>
    Effect.tap(router.add(method, path, handler, options), () => table.record(method, prefixed(prefix, path))),
  addAll: (routes) =>
    Effect.tap(router.addAll(routes), () => {
      for (const route of routes) table.record(route.method, prefixed(prefix, route.path))
    }),
  prefixed: (more) => {
    const whole = prefixed(prefix, more)
    return watch(root.prefixed(whole), table, root, whole)
  }
})

const prefixed = (prefix: string, path: string) => (prefix === "" ? path : HttpLayerRouter.prefixPath(path, prefix))
