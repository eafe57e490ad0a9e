// Sends the messages of a JSON file over MLLP with one of two libraries, one after the other, and prints what was answered:
//   node send.mjs node-hl7-client|simple-hl7 PORT messages.json PACKAGES
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [library, port, file, packages] = process.argv.slice(2)
const require = createRequire(join(packages, 'x.js'))
const messages = JSON.parse(readFileSync(file, 'utf8'))
const said = { answers: [], errors: [] }

// expected tells how many blocks answer a message: what MSH-15 and MSH-16 ask for.
const expected = (text) => {
  const f = text.split('\r')[0].split('|')
  const [accept, application] = [f[14] ?? '', f[15] ?? '']
  return accept === '' && application === '' ? 1 : (accept === 'AL') + (application === 'AL')
}

async function nodeClient() {
  const { default: Client, Message } = require('node-hl7-client')
  const version = messages[0].split('\r')[0].split('|')[11]
  const client = new Client({ host: '127.0.0.1', version })
  let arrived
  const connection = client.createConnection({ port: Number(port), waitAck: false }, async (response) => {
    const m = response.getMessage()
    said.answers.push({ type: m.get('MSH.9').toString(), code: m.get('MSA.1').toString(), control: m.get('MSA.2').toString(), raw: m.toString() })
    arrived()
  })
  connection.on('error', (e) => said.errors.push(String(e)))
  for (const text of messages) {
    let left = expected(text)
    const done = new Promise((resolve) => { arrived = () => { if (--left === 0) resolve() } })
    await connection.sendMessage(new Message({ text }))
    await done
  }
  await connection.close()
}

async function simple() {
  const hl7 = require('simple-hl7')
  const parser = new hl7.Parser({ segmentSeperator: '\r' })
  const client = new hl7.Server.createTcpClient({ host: '127.0.0.1', port: Number(port), keepalive: true })
  for (const text of messages) {
    await new Promise((resolve) => client.send(parser.parse(text), (err, ack) => {
      if (err) {
        said.errors.push(String(err))
      } else {
        const msa = ack.getSegment('MSA')
        said.answers.push({ type: ack.header.getField(7).toString(), code: msa.getField(1).toString(), control: msa.getField(2).toString(), raw: ack.toString() })
      }
      resolve()
    }))
  }
  client.close()
}

await (library === 'simple-hl7' ? simple() : nodeClient())
console.log(JSON.stringify(said))
process.exit(0)
