'use strict'
// Reads /openapi.json and makes a form of every operation. No library: the page must work where there is no internet.
const element = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props)
  node.append(...children)
  return node
}
let api

const resolve = schema => {
  for (let hops = 0; schema && schema.$ref && hops < 20; hops++) {
    schema = schema.$ref.split('/').slice(1).reduce((at, key) => at && at[key], api)
  }
  return schema || {}
}

// A value of the right shape to start from.
const example = (schema, depth = 0) => {
  schema = resolve(schema)
  if (schema.example !== undefined) return schema.example
  if (schema.default !== undefined) return schema.default
  if (schema.enum) return schema.enum[0]
  const forms = schema.oneOf || schema.anyOf
  if (forms) return example(forms.find(form => resolve(form).type !== 'null') || {}, depth)
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map(part => example(part, depth)))
  const type = Array.isArray(schema.type) ? schema.type.find(one => one !== 'null') : schema.type
  if (type === 'object' || schema.properties) {
    if (depth > 6) return {}
    return Object.fromEntries(Object.entries(schema.properties || {}).map(([name, part]) => [name, example(part, depth + 1)]))
  }
  if (type === 'array') return depth > 6 ? [] : [example(schema.items || {}, depth + 1)]
  if (type === 'integer' || type === 'number') return schema.minimum || 0
  if (type === 'boolean') return false
  if (schema.format === 'uuid') return '00000000-0000-7000-8000-000000000000'
  if (schema.format === 'date-time') return new Date(Date.now() + 864e5).toISOString()
  if (schema.format === 'date') return new Date().toISOString().slice(0, 10)
  return ''
}

const send = async (method, path, operation, form, output) => {
  const headers = { Accept: 'application/json' }
  const token = document.getElementById('token').value.trim()
  if (token) headers.Authorization = 'Bearer ' + token
  const query = new URLSearchParams()
  for (const field of form.querySelectorAll('[data-in]')) {
    if (field.value === '') continue
    const { in: place, name } = field.dataset
    if (place === 'path') path = path.replace('{' + name + '}', encodeURIComponent(field.value))
    if (place === 'query') query.append(name, field.value)
    if (place === 'header') headers[name] = field.value
  }
  const body = form.querySelector('textarea')
  const options = { method: method.toUpperCase(), headers }
  if (body) {
    options.body = body.value
    headers['Content-Type'] = body.dataset.type
  }
  const url = path + (query.size ? '?' + query : '')
  output.textContent = options.method + ' ' + url + ' …'
  try {
    const started = performance.now()
    const response = await fetch(url, options)
    let text = await response.text()
    try {
      const value = JSON.parse(text)
      text = JSON.stringify(value, null, 2)
      if (response.ok && value && value.access_token) document.getElementById('token').value = value.access_token
    } catch { /* not JSON: as it is */ }
    const shown = [...response.headers].map(([name, value]) => name + ': ' + value).join('\n')
    output.textContent = `${response.status} ${response.statusText}  (${Math.round(performance.now() - started)} ms)\n${shown}\n\n${text}`
  } catch (error) {
    output.textContent = String(error)
  }
}

const render = (method, path, operation, shared) => {
  const content = element('div', { className: 'body' })
  const details = element('details', {}, element('summary', {}, element('b', { textContent: method.toUpperCase() }), path,
    element('small', { textContent: operation.summary || '' })), content)
  details.dataset.text = [method, path, operation.summary, operation.description].join(' ').toLowerCase()
  // Filled when it is opened: a fleet has hundreds of operations.
  details.addEventListener('toggle', () => {
    if (content.childNodes.length) return
    const form = element('form')
    if (operation.description) content.append(element('p', { textContent: operation.description }))
    const parameters = [...(shared || []), ...(operation.parameters || [])].map(resolve)
    for (const parameter of parameters) {
      const input = element('input', { placeholder: parameter.description || '', required: parameter.required === true })
      Object.assign(input.dataset, { in: parameter.in, name: parameter.name })
      form.append(element('label', { className: 'row' }, `${parameter.name} (${parameter.in})${parameter.required ? ' *' : ''}`, input))
    }
    const media = Object.entries((resolve(operation.requestBody).content) || {})[0]
    if (media) {
      const area = element('textarea', { value: JSON.stringify(example(media[1].schema), null, 2), spellcheck: false })
      area.dataset.type = media[0]
      form.append(area)
    }
    const output = element('pre', { textContent: Object.entries(operation.responses || {}).map(([status, response]) =>
      status + '  ' + (resolve(response).description || '')).join('\n') })
    form.append(element('button', { textContent: 'Send' }))
    form.addEventListener('submit', event => {
      event.preventDefault()
      send(method, path, operation, form, output)
    })
    content.append(form, output)
  })
  return details
}

const show = () => {
  const main = document.getElementById('operations')
  main.replaceChildren()
  document.getElementById('title').textContent = `${api.info.title} ${api.info.version}`
  const groups = new Map((api.tags || []).map(tag => [tag.name, element('section', {}, element('h2', { textContent: tag.name }),
    element('p', { textContent: tag.description || '' }))]))
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
      const operation = item[method]
      if (!operation) continue
      const tag = (operation.tags || ['other'])[0]
      if (!groups.has(tag)) groups.set(tag, element('section', {}, element('h2', { textContent: tag })))
      groups.get(tag).append(render(method, path, operation, item.parameters))
    }
  }
  main.append(...groups.values())
}

document.getElementById('find').addEventListener('input', event => {
  const words = event.target.value.toLowerCase().split(/\s+/)
  for (const details of document.querySelectorAll('details')) details.hidden = !words.every(word => details.dataset.text.includes(word))
})

fetch('/openapi.json').then(response => response.json()).then(document => { api = document; show() }).catch(error => {
  document.getElementById('operations').textContent = 'The document could not be read: ' + error
})
