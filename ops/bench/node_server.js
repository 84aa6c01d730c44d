// The peer of the HTTP server: Node's own http module, doing what our two endpoints do, without a database.
// usage: node node_server.js PORT KEY SECRET BODY-FILE
'use strict'
const crypto = require('crypto')
const fs = require('fs')
const http = require('http')

const [port, key, secret, file] = process.argv.slice(2)
const known = new Map([[crypto.createHash('sha256').update(key).digest('hex'), { scopes: ['read'] }]])
const stored = JSON.parse(fs.readFileSync(file, 'utf8'))

function send(response, status, value) {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'X-Request-Id': crypto.randomBytes(8).toString('hex'),
    'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store',
  })
  response.end(body)
}

http.createServer((request, response) => {
  if (request.method === 'GET') {
    const words = (request.headers.authorization || '').split(' ')
    const asker = words[0] === 'Bearer' && known.get(crypto.createHash('sha256').update(words[1]).digest('hex'))
    if (!asker || !asker.scopes.includes('read')) return send(response, 401, {})
    return send(response, 200, stored)
  }
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', () => {
    const digest = crypto.createHmac('sha256', secret).update(Buffer.concat(pieces)).digest()
    const stated = Buffer.from(request.headers['x-shopify-hmac-sha256'] || '', 'base64')
    if (stated.length !== digest.length || !crypto.timingSafeEqual(stated, digest) || !request.headers['x-shopify-webhook-id']) return send(response, 401, {})
    send(response, 200, {})
  })
}).listen(Number(port), '127.0.0.1', () => console.log('listening'))
