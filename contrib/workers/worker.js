#!/usr/bin/env node
'use strict'
// A small HTTP worker for herder in Node. What it promises on SIGTERM is what worker.py promises: a request that has
// begun or arrived is answered, a keep-alive connection gets its next answer with "Connection: close" (RFC 9112
// section 9.6), a silent one is closed after LINGER seconds.

const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')

const LINGER = Number(process.env.WORKER_LINGER || 5)
const generation = process.env.HERDER_GENERATION || '0'
const slot = process.env.HERDER_WORKER || '0'
const log = process.env.WORKER_LOG ? fs.openSync(process.env.WORKER_LOG, 'a') : -1
const open = new Set()
let draining = false

function answer (request, response) {
  const query = new URL(request.url, 'http://worker').searchParams
  const id = query.get('id') || '-'
  const body = `${id} ${generation} ${slot} ${process.pid}\n`
  setTimeout(() => {
    if (log >= 0 && id !== '-') fs.writeSync(log, body)
    const headers = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) }
    if (draining) headers.Connection = 'close'
    response.writeHead(200, headers).end(body)
  }, Number(query.get('sleep') || 0))
}

function leaveWhenEmpty () {
  if (draining && open.size === 0) process.exit(0)
}

function term () {
  if (draining) return
  draining = true
  // http.Server.close() also closes the idle connections (since Node 19): a request on its way would be lost. The
  // method of net.Server only stops accepting.
  net.Server.prototype.close.call(server)
  setTimeout(() => { server.closeIdleConnections(); leaveWhenEmpty() }, LINGER * 1000).unref()
  leaveWhenEmpty()
}

if (process.env.LISTEN_PID !== String(process.pid) || !(Number(process.env.LISTEN_FDS) >= 1)) {
  console.error('worker: no socket was passed to me (LISTEN_FDS and LISTEN_PID, sd_listen_fds(3))')
  process.exit(1)
}

const server = http.createServer({ keepAliveTimeout: 0 }, answer)
server.keepAliveTimeout = 0 // the default closes a connection that is silent for 5 s, whether or not a request comes
server.on('connection', (socket) => {
  open.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => { open.delete(socket); leaveWhenEmpty() })
})
process.on('SIGTERM', term)
process.on('SIGINT', () => process.exit(130))
server.listen({ fd: 3 })
