/** The pages of the catalogue, in Chromium. */
import chromium from "@sparticuz/chromium"
import { Effect, Exit, Layer, Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { launch, type Browser, type HTTPRequest, type Page } from "puppeteer-core"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import * as Catalogue from "../../src/Catalogue.js"
import * as Html from "../../src/Catalogue/Html.js"
import * as Registrar from "../../src/Registrar.js"
import { extensions } from "../Catalogue/application.js"
import { start } from "../support/http.js"

const catalogue = Effect.runSync(Catalogue.fromExtensions(extensions))
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

let browser: Browser
let base = ""
let stop = Effect.void
const folder = mkdtempSync(join(tmpdir(), "catalogue-"))
const file = pathToFileURL(join(folder, "catalogue.html")).href

beforeAll(async () => {
  // What lets pages read what they may not is for scrapers.
  const args = chromium.args.filter((arg) => arg !== "--disable-web-security")
  browser = await launch({ executablePath: await chromium.executablePath(), args, headless: "shell" })

  const [auth, configs] = extensions
  const routes = Catalogue.layer({ title: "Server" }).pipe(Layer.provide([auth.layer, configs.layer]))
  const scope = Effect.runSync(Scope.make())
  const { port } = await Effect.runPromise(Scope.extend(start(Registrar.serve(routes)), scope))
  stop = Scope.close(scope, Exit.void)
  base = `http://127.0.0.1:${port}`
  writeFileSync(join(folder, "catalogue.html"), Catalogue.toHtml(catalogue, { title: "Server" }))
}, 60_000)

afterAll(async () => {
  await browser.close()
  await Effect.runPromise(stop)
  rmSync(folder, { recursive: true, force: true })
}, 30_000)

let page: Page
const requests: Array<string> = []
const complaints: Array<string> = []

/** A new page, which keeps what it asks for and what it complains about. */
const open = async (address: string, options: { readonly width?: number; readonly scheme?: "light" | "dark" } = {}) => {
  page = await browser.newPage()
  requests.length = complaints.length = 0
  page.on("request", (request: HTTPRequest) => requests.push(request.url()))
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  await page.setViewport({ width: options.width ?? 1280, height: 800 })
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: options.scheme ?? "light" }])
  const response = await page.goto(address)
  return response ?? assert.fail(`${address} does not answer`)
}

afterEach(async () => {
  await page.close()
  // Also what a policy forbids is said on the console.
  assert.deepStrictEqual(complaints, [])
})

const shown = () =>
  page.$$eval("article", (articles) =>
    articles.filter((article) => article.checkVisibility()).map((article) => article.id)
  )

const isShown = async (...ids: ReadonlyArray<string>) => assert.deepStrictEqual(await shown(), ids)

const focused = () =>
  page.evaluate(() => {
    const active = document.activeElement
    return active === null ? "" : active.id || active.textContent.trim().replace(/\s+/g, " ")
  })

const count = () => page.$eval("[role=status]", (status) => status.textContent)

const all = [
  ["errors", () => `${base}/errors`],
  ["one error", () => `${base}/errors/configs-not-found`],
  ["audit events", () => `${base}/audit-events`],
  ["one audit event", () => `${base}/audit-events/auth-login-failed`],
  ["the file", () => file]
] as const

describe.each(all)("%s", { timeout: 30_000 }, (_, address) => {
  it("needs nothing but itself", async () => {
    await open(address())
    assert.deepStrictEqual(
      requests.filter((request) => !request.startsWith("data:")),
      [address()]
    )
  })

  it.each(["light", "dark"] as const)("is accessible, %s", async (scheme) => {
    await open(address(), { scheme })
    for (const details of await page.$$("details:not([open]) summary")) await details.click()
    // The policy of the page does not let a script be added to it.
    await page.evaluate(axe)
    const violations = await page.evaluate(async () => {
      // What the text above has defined.
      const { axe } = globalThis as unknown as { readonly axe: typeof import("axe-core") }
      const results = await axe.run({
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
      })
      return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`)
    })
    assert.deepStrictEqual(violations, [])
  })

  it("is light and dark", async () => {
    const colours = () =>
      page.$eval("body", (body) => {
        const { backgroundColor, color } = getComputedStyle(body)
        return { backgroundColor, color }
      })
    await open(address())
    assert.deepStrictEqual(await colours(), { backgroundColor: "rgb(246, 247, 249)", color: "rgb(27, 30, 36)" })
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }])
    assert.deepStrictEqual(await colours(), { backgroundColor: "rgb(18, 20, 25)", color: "rgb(232, 234, 239)" })
  })

  it.each([1280, 400, 320])("fits into %i pixels", async (width) => {
    await open(address(), { width })
    for (const details of await page.$$("details:not([open]) summary")) await details.click()
    const { client, scroll } = await page.$eval(":root", (root) => ({
      client: root.clientWidth,
      scroll: root.scrollWidth
    }))
    assert.isAtMost(scroll, client)
  })
})

describe("the search", { timeout: 30_000 }, () => {
  it("shows what is typed, and says how many", async () => {
    await open(`${base}/errors`)
    assert.strictEqual(await count(), "16 errors")
    await page.type("#_q", "CONFIGS 404")
    await isShown("configs-not-found")
    assert.strictEqual(await count(), "1 of 16 errors")
    assert.strictEqual(page.url(), `${base}/errors?q=CONFIGS+404`)
    // The contents and the headings go with it.
    assert.deepStrictEqual(
      await page.$$eval(".contents li, .group > h2 span", (found) =>
        found.filter((element) => element.checkVisibility()).map((element) => element.textContent.trim().split(/\s/)[0])
      ),
      ["configs-not-found", "configs"]
    )
  })

  it.each([
    ["session", ["auth-session-expired"]],
    ["429", ["auth-rate-limited"]],
    ["another environment", ["configs-not-found"]],
    ["TemplateBroken", ["configs-template-broken"]],
    ["deprecated", ["auth-session-expired"]],
    ["minutes auth", ["auth-rate-limited"]]
  ])("finds %s", async (text, ids) => {
    await open(`${base}/errors`)
    await page.type("#_q", text)
    await isShown(...ids)
  })

  it("says that nothing is found, and shows everything again", async () => {
    await open(`${base}/errors?q=nobody`)
    await isShown()
    assert.strictEqual(await count(), "0 of 16 errors")
    assert.include(await page.$eval("#_nothing", (nothing) => nothing.textContent), "Nothing found for “nobody”")
    await page.click("#_nothing button")
    assert.lengthOf(await shown(), 16)
    assert.strictEqual(await focused(), "_q")
    assert.strictEqual(page.url(), `${base}/errors`)
  })

  it("is kept in the address", async () => {
    await open(`${base}/errors?q=configs`)
    assert.strictEqual(await page.$eval("#_q", (input) => (input as HTMLInputElement).value), "configs")
    assert.lengthOf(await shown(), 4)
  })

  it("works in a file", async () => {
    await open(file)
    await page.type("#_q", "auth-")
    await isShown("auth-session-expired", "auth-rate-limited", "auth-logged-in", "auth-login-failed")
    assert.strictEqual(await count(), "4 of 16 errors and 17 audit events")
  })

  it("is not missed without scripts", async () => {
    page = await browser.newPage()
    await page.setJavaScriptEnabled(false)
    await page.goto(`${base}/errors?q=nobody`)
    assert.isFalse(await page.$eval("#_search", (form) => form.checkVisibility()))
    assert.lengthOf(await shown(), 16)
  })
})

describe("the keyboard", { timeout: 30_000 }, () => {
  it("searches", async () => {
    await open(`${base}/errors`)
    await page.keyboard.press("/")
    assert.strictEqual(await focused(), "_q")
    await page.keyboard.type("auth/")
    assert.strictEqual(await page.$eval("#_q", (input) => (input as HTMLInputElement).value), "auth/")
    await page.keyboard.press("Escape")
    assert.strictEqual(await page.$eval("#_q", (input) => (input as HTMLInputElement).value), "")
    assert.lengthOf(await shown(), 16)
    await page.keyboard.press("Escape")
    assert.notStrictEqual(await focused(), "_q")
    await page.keyboard.press("/")
    await page.keyboard.type("rate")
    await page.keyboard.press("Enter")
    assert.strictEqual(await focused(), "auth-rate-limited")
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")])
    assert.strictEqual(page.url(), `${base}/errors/auth-rate-limited`)
  })

  it("goes through the page in its order", async () => {
    await open(`${base}/errors`)
    const order: Array<string> = []
    for (let nth = 0; nth < 5; nth++) {
      await page.keyboard.press("Tab")
      order.push(await focused())
    }
    assert.deepStrictEqual(order, ["Skip to the entries", "Errors", "Audit events", "_q", "auth-session-expired 401"])
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)
    assert.strictEqual(outline, "solid")
  })

  it("skips to the entries", async () => {
    await open(`${base}/errors`)
    await page.keyboard.press("Tab")
    await page.waitForFunction(() => document.querySelector(".skip")!.getBoundingClientRect().top >= 0)
    await page.keyboard.press("Enter")
    await page.waitForFunction(() => document.activeElement?.id === "_main")
    await page.keyboard.press("Tab")
    assert.strictEqual(await focused(), "auth-session-expired")
  })
})

describe("a deep link", { timeout: 30_000 }, () => {
  const isInView = (id: string) =>
    page.waitForFunction(
      (id) => {
        const { top, height } = document.getElementById(id)!.getBoundingClientRect()
        return height > 0 && top >= 0 && top < innerHeight
      },
      {},
      id
    )

  it("leads to its entry, whatever is searched for", async () => {
    await open(`${base}/errors#service-unavailable`)
    await isInView("service-unavailable")
    await page.goto(`${base}/errors?q=auth#service-unavailable`)
    await isInView("service-unavailable")
    await page.type("#_q", "auth")
    await page.evaluate(() => (location.hash = "not-found"))
    await isInView("not-found")
  })

  it("leads to a page for each id", async () => {
    await open(`${base}/errors`)
    await Promise.all([page.waitForNavigation(), page.click("#configs-not-found .head a")])
    assert.strictEqual(page.url(), `${base}/errors/configs-not-found`)
    assert.strictEqual(await page.title(), "Configs not found - Server")
    assert.deepStrictEqual(await page.$$eval("h2", (found) => found.map((heading) => heading.textContent.trim())), [
      "404 Not Found",
      "410 Gone"
    ])
    assert.isTrue(await page.$eval("pre", (example) => example.checkVisibility()))
    await Promise.all([page.waitForNavigation(), page.click(".back a")])
    assert.strictEqual(page.url(), `${base}/errors`)
  })

  it("works in a file", async () => {
    await open(`${file}#auth-login-failed`)
    await isInView("auth-login-failed")
    await page.click(".contents a[href='#configs-invalid']")
    await isInView("configs-invalid")
  })
})

describe("hostile text", { timeout: 30_000 }, () => {
  it("is shown, and does nothing", async () => {
    const hostile = `"'><script>document.title = "bad"</script><img src=x onerror="document.title='bad'"> & \u202e a b`
    const [entry] = catalogue.errors
    const errors = [{ ...entry!, id: hostile, message: hostile, description: hostile, extension: hostile }]
    const html = Html.errors({ ...catalogue, errors }, { title: hostile })
    writeFileSync(join(folder, "hostile.html"), html)
    await open(pathToFileURL(join(folder, "hostile.html")).href)
    assert.strictEqual(
      await page.$eval("h3", (heading) => heading.textContent.trim()),
      hostile.replace("\u202e", "\\u202e")
    )
    assert.notStrictEqual(await page.title(), "bad")
    assert.lengthOf(await page.$$("img"), 0)
    assert.lengthOf(
      requests.filter((request) => !request.startsWith("data:")),
      1
    )
    await page.type("#_q", "onerror")
    assert.lengthOf(await shown(), 1)
    const link = await page.$eval(".contents a", (link) => (link as HTMLAnchorElement).hash.slice(1))
    assert.isTrue(await page.evaluate((id) => document.getElementById(id) !== null, link))
  })
})
