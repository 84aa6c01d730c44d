/// What pages do beyond plain HTML: they renew themselves when something changed, and small comforts. Everything works without it.
enum ConsoleScript {
    static let js = #"""
        // Regions marked data-live are fetched again and exchanged when their tenant changed; data-pace is the least time between two, in seconds.
        const live = document.querySelector('meta[name="live"]')
        const sign = document.getElementById('live')
        let newest = null, timer = 0, last = 0, busy = false, again = false

        // Whoever wants a page to stand still says so with the sign itself; it is kept for this window.
        let paused = sessionStorage.getItem('paused') === 'yes'

        function tell(text, kind) {
          if (!sign) return
          if (paused) { text = 'Paused'; kind = 'wait' }
          sign.className = 'live ' + kind
          if (sign.textContent !== text) sign.textContent = text
        }

        const pace = () => 1000 * Math.max(0.2, ...[...document.querySelectorAll('[data-live]')].map(e => Number(e.dataset.pace ?? 2)))

        // What somebody is writing in, has ticked or has opened is left as it is.
        function isInUse(region) {
          const active = document.activeElement
          if (active && active !== document.body && region.contains(active) && active.matches('input,select,textarea')) return true
          return [...region.querySelectorAll('input[type="checkbox"]')].some(box => box.checked) || region.querySelector('[data-dirty]') !== null
        }

        function isWriting() {
          const fields = document.querySelectorAll('main textarea, main input:not([type=hidden]):not([type=search]), main select')
          return [...fields].some(f => f.type === 'checkbox' || f.type === 'radio' ? f.checked !== f.defaultChecked
            : f.tagName === 'SELECT' ? [...f.options].some(o => o.selected !== o.defaultSelected) && f.selectedIndex > 0 : f.value !== f.defaultValue)
        }

        function exchange(old, fresh) {
          const open = [...old.querySelectorAll('details')].map(d => d.open)
          const focus = old.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null
          const scrolled = [...old.querySelectorAll('.scroll')].map(s => s.scrollLeft)
          old.replaceWith(fresh)
          ;[...fresh.querySelectorAll('details')].forEach((d, n) => { if (n in open) d.open = open[n] })
          ;[...fresh.querySelectorAll('.scroll')].forEach((s, n) => { s.scrollLeft = scrolled[n] ?? 0 })
          if (focus) fresh.querySelector(`[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true })
          prepare(fresh)
        }

        async function renew() {
          if (busy) { again = true; return }
          busy = true
          last = Date.now()
          try {
            const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, credentials: 'same-origin', cache: 'no-store' })
            if (answer.redirected && new URL(answer.url).pathname === '/sign-in') {
              // What somebody is writing is worth more than a page that is up to date.
              if (isWriting()) tell('Signed out', 'off'); else location.reload()
              return
            }
            if (!answer.ok) return
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
            for (const old of document.querySelectorAll('[data-live][id]')) {
              const fresh = page.getElementById(old.id)
              if (fresh && fresh.innerHTML !== old.dataset.was && !isInUse(old)) {
                const was = fresh.innerHTML
                if (was !== old.innerHTML) exchange(old, document.importNode(fresh, true))
                document.getElementById(old.id).dataset.was = was
              }
            }
            for (const name of ['shown']) {
              const fresh = page.getElementById(name), old = document.getElementById(name)
              if (fresh && old) old.replaceChildren(...document.importNode(fresh, true).childNodes)
            }
            const nav = page.querySelector('header.top nav'), own = document.querySelector('header.top nav')
            if (nav && own && nav.innerHTML !== own.innerHTML && !own.contains(document.activeElement)) own.replaceChildren(...document.importNode(nav, true).childNodes)
          } catch { tell('Offline', 'off') } finally {
            busy = false
            if (again) { again = false; soon() }
          }
        }

        function soon() {
          if (timer || paused) return
          timer = setTimeout(() => { timer = 0; renew() }, Math.max(0, last + pace() - Date.now()))
        }

        // A browser gives a stream up for good after any answer but 200; it is asked for again, less and less often while that lasts.
        let source = null, pause = 2000, waiting = 0
        function later() {
          tell('Not live', 'off')
          clearTimeout(waiting)
          waiting = setTimeout(() => { listen(); soon() }, pause)
          pause = Math.min(60000, pause * 2)
        }
        function listen() {
          if (!live || source || document.hidden || paused) return
          const query = new URLSearchParams()
          if (live.content) query.set('tenant', live.content)
          if (newest) query.set('after', newest)
          source = new EventSource('/console/events?' + query)
          const heard = event => { if (event.lastEventId) newest = event.lastEventId; pause = 2000; tell('Live', 'on') }
          source.addEventListener('quiet', heard)
          source.addEventListener('change', event => { heard(event); soon() })
          source.addEventListener('reset', event => { heard(event); soon() })
          source.onopen = () => tell('Live', 'on')
          source.onerror = () => { if (source && source.readyState === EventSource.CLOSED) { source = null; later() } }
        }
        function hush() { source?.close(); source = null; clearTimeout(waiting) }
        // A page that nobody sees asks nothing; back in sight, it asks for what it missed.
        document.addEventListener('visibilitychange', () => { if (document.hidden) hush(); else listen() })
        addEventListener('pagehide', hush)
        sign?.addEventListener('click', () => {
          paused = !paused
          sessionStorage.setItem('paused', paused ? 'yes' : 'no')
          if (paused) { hush(); clearTimeout(timer); timer = 0; again = false; tell('Paused', 'wait'); return }
          tell('Connecting', 'wait')
          pause = 2000
          listen()
          renew()
        })
        tell('Connecting', 'wait')
        listen()

        // Rows that fit what is typed.
        function filter(field) {
          const words = field.value.trim().toLowerCase().split(/\s+/).filter(Boolean)
          for (const row of document.querySelectorAll(`#${field.dataset.filter} [data-row]`)) row.hidden = !words.every(word => row.dataset.row.includes(word))
        }

        function prepare(root) {
          for (const field of document.querySelectorAll('[data-filter]')) filter(field)
          for (const box of root.querySelectorAll('[data-all]')) {
            const boxes = () => [...box.form.querySelectorAll(`input[name="${box.dataset.all}"]`)]
            box.addEventListener('change', () => boxes().forEach(other => { other.checked = box.checked }))
            box.form.addEventListener('change', () => {
              const chosen = boxes().filter(other => other.checked).length
              box.checked = chosen > 0 && chosen === boxes().length
              box.indeterminate = chosen > 0 && !box.checked
              for (const button of box.form.querySelectorAll('button[name="order"]')) {
                button.dataset.word ??= button.textContent
                button.textContent = chosen ? `${button.dataset.word} ${chosen}` : button.dataset.word
              }
            })
          }
          for (const form of root.querySelectorAll('form[data-swap]')) form.addEventListener('submit', swap)
        }

        // A preview comes into its place on the page; whatever leads elsewhere goes there.
        async function swap(event) {
          const form = event.currentTarget, id = form.dataset.swap, button = event.submitter
          if (button?.value === 'apply') return
          event.preventDefault()
          const body = new URLSearchParams(new FormData(form, button))
          button?.setAttribute('aria-busy', 'true')
          try {
            const answer = await fetch(form.action, { method: 'POST', body, credentials: 'same-origin' })
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
            const fresh = page.getElementById(id), old = document.getElementById(id)
            if (!fresh || !old) {
              document.querySelector('main').replaceWith(document.importNode(page.querySelector('main'), true))
              document.querySelector('main').focus()
              return
            }
            const copy = document.importNode(fresh, true)
            old.replaceWith(copy)
            prepare(copy)
            ;(copy.querySelector('.apply button, [aria-invalid]') ?? copy).focus()
          } finally { button?.removeAttribute('aria-busy') }
        }

        document.addEventListener('input', event => {
          if (event.target.matches('[data-filter]')) filter(event.target)
          if (event.target.matches('textarea')) event.target.dataset.dirty = ''
        })
        document.addEventListener('keydown', event => {
          if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input,select,textarea')) return
          const field = document.querySelector('[data-filter]')
          if (field) { event.preventDefault(); field.focus() }
        })
        prepare(document)
        """#
}
