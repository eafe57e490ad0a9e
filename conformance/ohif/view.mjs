// Opens one study in OHIF in headless Chromium, waits until a picture with
// contrast stands in a viewport, and prints what happened as one JSON object.
//
//   node view.mjs OHIF-URL DICOMWEB-URL STUDY-INSTANCE-UID [SCREENSHOT.png]
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.cwd(), 'package.json'))('playwright-core')
const [ohif, dicomweb, study, screenshot] = process.argv.slice(2)

const profile = mkdtempSync(join(tmpdir(), 'halong-chromium-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1280, height: 800 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader', '--use-gl=angle', '--use-angle=swiftshader'],
})
const result = { requests: [], failed: [], errors: [], picture: null }
const page = await context.newPage()
page.on('response', r => {
  if (!r.url().startsWith(dicomweb)) return
  const line = `${r.request().method()} ${r.status()} ${r.url().slice(dicomweb.length)}`
  result.requests.push(line)
  if (r.status() >= 400) result.failed.push(line)
})
page.on('requestfailed', r => {
  if (r.url().startsWith(dicomweb) && r.failure()?.errorText !== 'net::ERR_ABORTED') result.failed.push(`${r.failure()?.errorText} ${r.url()}`)
})
page.on('pageerror', e => result.errors.push(String(e)))

// picture gives the grey levels seen in a viewport; thumbnails are smaller.
const picture = () => page.evaluate(() => {
  let best = null
  for (const c of document.querySelectorAll('canvas')) {
    if (c.width < 400 || c.height < 400) continue
    const copy = document.createElement('canvas')
    copy.width = c.width
    copy.height = c.height
    const ctx = copy.getContext('2d')
    ctx.drawImage(c, 0, 0)
    const d = ctx.getImageData(0, 0, c.width, c.height).data
    const levels = new Set()
    let bright = 0
    for (let i = 0; i < d.length; i += 4) {
      levels.add(d[i])
      if (d[i] > 32) bright++
    }
    const seen = { width: c.width, height: c.height, levels: levels.size, bright: bright / (d.length / 4) }
    if (!best || seen.levels > best.levels) best = seen
  }
  return best
})

try {
  await page.goto(`${ohif}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'load', timeout: 60000 })
  const end = Date.now() + 90000
  while (Date.now() < end) {
    result.picture = await picture().catch(() => null)
    if (result.picture && result.picture.levels >= 8 && result.picture.bright > 0.02) break
    await page.waitForTimeout(500)
  }
  if (screenshot) await page.screenshot({ path: screenshot })
} catch (e) {
  result.errors.push(String(e))
}
await context.close()
rmSync(profile, { recursive: true, force: true })
console.log(JSON.stringify(result))
