'use strict'
// A Node server of its own (http, no framework), as an app has it: herder's socket is descriptor 3. It answers as
// contrib/workers/worker.js does; that one shows what more it takes to lose no keep-alive request.
//
// A file "mode" that says "crash" makes it fail to load, as a bad release does; "slow SECONDS" makes it load slowly.
//
//   herder run --dialect node --bind 127.0.0.1:8080 -- node server.js
const fs = require('node:fs')
const http = require('node:http')

const generation = process.env.HERDER_GENERATION || '0'
const slot = process.env.HERDER_WORKER || '0'
const log = process.env.WORKER_LOG ? fs.openSync(process.env.WORKER_LOG, 'a') : -1

const [mode, seconds] = fs.existsSync('mode') ? fs.readFileSync('mode', 'utf8').trim().split(' ') : []
if (mode === 'crash') throw new Error('boom: cannot load the app')

const server = http.createServer((request, response) => {
  const query = new URL(request.url, 'http://server').searchParams
  const id = query.get('id') || '-'
  const body = `${id} ${generation} ${slot} ${process.pid}\n`
  setTimeout(() => {
    if (log >= 0 && id !== '-') fs.writeSync(log, body)
    const headers = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) }
    if (leaving) headers.Connection = 'close'
    response.writeHead(200, headers).end(body)
  }, Number(query.get('sleep') || 0))
})

// Without a handler Node dies of SIGTERM at once. close() ends the connections that are idle at this moment (since Node
// 19). The others would stay for as long as their clients like, so each is told to go with its next answer.
let leaving = false
process.on('SIGTERM', () => {
  leaving = true
  server.close()
})
setTimeout(() => server.listen({ fd: 3 }), mode === 'slow' ? seconds * 1000 : 0)
