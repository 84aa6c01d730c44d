// What can be told of a page's accessibility from the page itself: names, headings, ids, contrast as computed, and whether it fits its window.
const faults = []
const shown = element => {
  const style = getComputedStyle(element), box = element.getBoundingClientRect()
  return style.visibility !== 'hidden' && style.display !== 'none' && box.width > 0 && box.height > 0 && !element.closest('[hidden]')
}
const where = element => element.tagName.toLowerCase() + (element.id ? '#' + element.id : '') + (element.className?.baseVal ?? element.className ? '.' + String(element.className.baseVal ?? element.className).split(' ')[0] : '')
  + ' "' + (element.textContent ?? '').trim().slice(0, 40) + '"'

// Names
for (const field of document.querySelectorAll('input:not([type=hidden]),select,textarea')) {
  if (!shown(field)) continue
  const name = field.labels?.length || field.getAttribute('aria-label') || field.getAttribute('aria-labelledby')
  if (!name) faults.push('no label: ' + where(field) + ' ' + field.name)
}
for (const thing of document.querySelectorAll('a[href],button,summary')) {
  if (!(thing.textContent.trim() || thing.getAttribute('aria-label'))) faults.push('no name: ' + where(thing) + ' ' + (thing.getAttribute('href') ?? ''))
}
for (const image of document.querySelectorAll('svg,img')) {
  if (image.closest('[aria-hidden=true]')) continue
  if (!(image.getAttribute('aria-label') || image.getAttribute('alt') || image.querySelector('title'))) faults.push('a picture without words: ' + where(image))
}
for (const region of document.querySelectorAll('nav,[role=region],table')) {
  if (!(region.getAttribute('aria-label') || region.getAttribute('aria-labelledby') || region.querySelector('caption'))) faults.push('no name: ' + where(region))
}
for (const head of document.querySelectorAll('thead th')) if (!head.getAttribute('scope')) faults.push('a head without scope: ' + where(head))

// Structure
if (!document.documentElement.lang) faults.push('no language')
if (!document.title.trim()) faults.push('no title')
if (document.querySelectorAll('main').length !== 1) faults.push('not one main')
const headings = [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]
if (headings.filter(h => h.tagName === 'H1').length !== 1) faults.push('not one h1')
let level = 0
for (const heading of headings) {
  const own = Number(heading.tagName[1])
  if (own > level + 1) faults.push('a heading is left out before ' + where(heading))
  level = own
}
const ids = new Set()
for (const element of document.querySelectorAll('[id]')) {
  if (ids.has(element.id)) faults.push('twice the id ' + element.id)
  ids.add(element.id)
}
for (const element of document.querySelectorAll('[aria-describedby],[aria-labelledby]')) {
  for (const name of ['aria-describedby', 'aria-labelledby']) {
    for (const id of (element.getAttribute(name) ?? '').split(/\s+/).filter(Boolean)) if (!document.getElementById(id)) faults.push(name + ' leads nowhere: ' + id)
  }
}

// Contrast, of every text that is shown
const parse = colour => {
  const canvas = parse.canvas ??= Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true })
  canvas.clearRect(0, 0, 1, 1)
  canvas.fillStyle = colour
  canvas.fillRect(0, 0, 1, 1)
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
  return [r, g, b, a / 255]
}
const over = (front, back) => [0, 1, 2].map(n => front[n] * front[3] + back[n] * (1 - front[3])).concat(1)
const ground = element => {
  let layers = []
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor)
    if (colour[3] > 0) layers.push(colour)
    if (colour[3] === 1) break
  }
  return layers.reverse().reduce((back, front) => over(front, back), [255, 255, 255, 1])
}
const luminance = colour => {
  const [r, g, b] = colour.slice(0, 3).map(c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05) }
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
const told = new Set()
let texts = 0
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement
  if (!walker.currentNode.textContent.trim() || !shown(element) || element.closest('script,style,noscript,.sr,.skip,title,option')) continue
  const style = getComputedStyle(element), isSVG = element.namespaceURI.includes('svg')
  const back = ground(element), front = over(parse(isSVG ? style.fill : style.color), back)
  const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
  const ratio = contrast(front, back)
  texts += 1
  const key = where(element).split(' ')[0] + style.color
  if (ratio < (isLarge ? 3 : 4.5) && !told.has(key)) {
    told.add(key)
    faults.push('contrast ' + ratio.toFixed(2) + ': ' + where(element))
  }
}
if (texts < 5) faults.push('hardly any text')

// It fits
if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) {
  const wide = [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('.sr')).slice(0, 3).map(where)
  faults.push('wider than its window: ' + document.documentElement.scrollWidth + ' ' + wide.join('; '))
}
return faults
