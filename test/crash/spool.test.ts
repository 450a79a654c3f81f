import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import * as Campaign from "./spoolCampaign.js"

// A worker goes on when its runner is killed; and its children live as long as it does.
process.once("disconnect", () => process.kill(process.pid))

describe("30 kills of programs with a spool", () => {
  it("lose nothing that was acknowledged, and double nothing", { timeout: 300_000 }, async ({ signal }) => {
    const folder = mkdtempSync(join(tmpdir(), "audit-spool-"))
    const { figures, done } = Campaign.start({ kills: 30, seed: 1, folder, lanes: 2, signal })
    // Otherwise the folder stays: it shows what is wrong.
    await done
    rmSync(folder, { recursive: true })

    assert.isAtLeast(figures.kills, 30)
    // That it has tried what it is for.
    assert.isAtLeast(figures.aimed, 5, "kills at chosen moments")
    assert.isAtLeast(figures.atTheDatabase, 1, "kills around the database")
    assert.isAtLeast(figures.acknowledged, 100, "acknowledged events")
  })
})
