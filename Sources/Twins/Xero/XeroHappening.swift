internal import Kernel
internal import TwinKit
internal import Wire

/// What people do at the organisation's own screens, and the app's owner in the developer portal. All of it shows in `If-Modified-Since` and in
/// webhooks as it does when an app does it.
extension XeroState {
    /// | `do` | members | what happens |
    /// |---|---|---|
    /// | `subscribes` | `url`, `categories`, `key` | the app's webhook is set and the receiver asked for its intent |
    /// | `validates` | | it is asked again |
    /// | `webhook` | | tells `status`: `pending`, `ok`, `failed`, `disabled` or `none` |
    /// | `unsubscribes` | | the webhook is taken away, with all that waits |
    /// | `enters` | `endpoint`, `object` | a new object |
    /// | `edits` | `endpoint`, `id`, `object` | the members given are changed |
    /// | `voids`, `deletes` | `endpoint`, `id` | the document has that status |
    /// | `renames` | `account` or `contact`, `name` | so |
    /// | `archives`, `restores` | `account` or `contact` | so |
    /// | `merges` | `contact`, `into` | the contact's documents are the other's; it is archived |
    /// | `locks` | `period`, `year_end` | the lock dates given are set; an empty one opens |
    /// | `spends` | `window`, `left` | so many calls are left of the `minute`, `day` or `appminute` |
    /// | `crowds` | `calls` | so many calls to come find five others in flight |
    /// | `grows` | `on` | the organisation behaves as one of very many rows, or no longer |
    ///
    /// `endpoint` is as in addresses (`Invoices`); `id` may be a number where addresses take one; an account is named by its code, a contact by its
    /// id. Lock dates do not stop a person, who is an adviser.
    mutating func happen(_ said: JSON, at now: Timestamp, random: any RandomSource) throws(Fault) -> JSON {
        switch said["do"]?.string {
        case "subscribes": return try subscribe(said, random)
        case "validates":
            guard hook != nil else { throw Happening.refused("there is no webhook", "do") }
            askIntent(random)
            return webhookStatus
        case "webhook": return webhookStatus
        case "unsubscribes":
            queue.removeAll()
            hooks.put(XeroHook(url: "", key: "", categories: []))
            return webhookStatus
        case "enters", "edits", "voids", "deletes": return try act(said, at: now, random)
        case "renames", "archives", "restores": return try changeName(said, at: now)
        case "merges": return try merge(said, at: now)
        case "locks": return try lock(said)
        case "spends":
            guard meter.spend(said["window"]?.string ?? "", left: said["left"]?.int ?? 0, at: now) else {
                throw Happening.refused("the windows are minute, day and appminute", "window")
            }
            return [:]
        case "crowds":
            meter.crowd = max(0, said["calls"]?.int ?? 1)
            return [:]
        case "grows":
            var settings = settings
            settings.highVolume = said["on"]?.bool ?? true
            settingsTable.put(settings)
            return [:]
        default: throw Happening.refused("nothing of that name happens here", "do")
        }
    }

    private var webhookStatus: JSON { .object([("status", .string(hook?.status.rawValue ?? "none"))]) }

    private mutating func subscribe(_ said: JSON, _ random: any RandomSource) throws(Fault) -> JSON {
        guard let url = said["url"]?.string, Happening.isAddress(url) else {
            throw Happening.refused("the URL must use https, but for this machine itself", "url")
        }
        let categories = said["categories"]?.array?.compactMap(\.string) ?? ["INVOICE", "CONTACT", "CREDITNOTE"]
        guard !categories.isEmpty, categories.allSatisfy(Self.categories.contains) else {
            throw Happening.refused("the categories are \(Self.categories.joined(separator: ", "))", "categories")
        }
        let key = said["key"]?.string ?? XeroTwin.webhookKey
        var made = XeroHook(url: url, key: key, categories: categories)
        made.sequence = hooks[XeroHook.one]?.sequence ?? 0
        hooks.put(made)
        askIntent(random)
        return webhookStatus.setting("key", .string(key))
    }

    // MARK: Documents

    /// A person's doing goes through the same rules as an app's, but for the lock dates.
    private mutating func act(_ said: JSON, at now: Timestamp, _ random: any RandomSource) throws(Fault) -> JSON {
        guard let endpoint = said["endpoint"]?.string, !endpoint.isEmpty else { throw Happening.refused("what is it done to", "endpoint") }
        var path = [endpoint]
        var object = said["object"] ?? .object([])
        if said["do"]?.string != "enters" {
            guard let id = said["id"]?.string, !id.isEmpty else { throw Happening.refused("which one", "id") }
            path.append(id)
        }
        if said["do"]?.string == "voids" { object = .object([("Status", "VOIDED")]) }
        if said["do"]?.string == "deletes" { object = .object([("Status", "DELETED")]) }
        let method: HTTPMethod = path.count == 1 ? .put : .post
        let fields: HTTPFields = ["Content-Type": "application/json", "Accept": "application/json"]
        let request = HTTPRequest(method, "/" + path.map { Form.percent($0) }.joined(separator: "/"), fields: fields, body: object.bytes)
        isByHand = true
        defer { isByHand = false }
        let response: HTTPResponse
        do throws(XeroProblem) {
            response = try route(XeroCall(request: request, now: now, random: random, path: path))
        } catch {
            response = error.response
        }
        let body = try? JSON(parsing: response.body)
        guard response.status == 200 else {
            let errors = (body?["Elements"]?.array ?? []).flatMap { $0["ValidationErrors"]?.array ?? [] }.compactMap { $0["Message"]?.string }
            throw Happening.refused(errors.isEmpty ? response.bodyText : errors.joined(separator: " "), response.status == 404 ? "id" : "object")
        }
        let element = body?.object?.first { $0.value.array != nil }?.value[0]
        let id = element?.object?.first { $0.key.hasSuffix("ID") && $0.value.string?.utf8.count == 36 }?.value.string
        return .object([("endpoint", .string(endpoint)), ("id", .optional(id)), ("status", element?["Status"] ?? .null)])
    }

    // MARK: Names

    private mutating func changeName(_ said: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let verb = said["do"]?.string ?? ""
        let name = said["name"]?.string ?? ""
        if verb == "renames", name.isEmpty || name.count > 150 { throw Happening.refused("a name has 1 to 150 characters", "name") }
        if let code = said["account"]?.string {
            guard var account = account(code: code) else { throw Happening.refused("there is no account \(code)", "account") }
            if verb == "renames" { account.name = name } else { account.active = verb == "restores" }
            account.updated = now
            accounts.put(account)
            return .object([("id", .string(account.id))])
        }
        guard let id = said["contact"]?.string, var contact = contacts[id] else { throw Happening.refused("there is no such contact", "contact") }
        if verb == "renames" { contact.name = name } else { contact.archived = verb == "archives" }
        contact.updated = now
        contacts.put(contact)
        return .object([("id", .string(contact.id))])
    }

    /// - Source: central.xero.com, "Merge contacts": all of the one's transactions go to the other, and the one is archived.
    private mutating func merge(_ said: JSON, at now: Timestamp) throws(Fault) -> JSON {
        guard let id = said["contact"]?.string, var gone = contacts[id], gone.mergedInto == nil else {
            throw Happening.refused("there is no such contact", "contact")
        }
        guard let into = said["into"]?.string, into != id, var kept = contacts[into], !kept.archived else {
            throw Happening.refused("there is no such contact to merge into", "into")
        }
        gone.archived = true
        gone.mergedInto = into
        gone.updated = now
        kept.updated = now
        contacts.put(gone)
        contacts.put(kept)
        for var row in documents.all where row.contact == id {
            row.contact = into
            row.updated = now
            documents.put(row)
        }
        for var row in bankTransactions.all where row.document.contact == id {
            row.document.contact = into
            row.document.updated = now
            bankTransactions.put(row)
        }
        for var row in orders.all where row.document.contact == id {
            row.document.contact = into
            row.document.updated = now
            orders.put(row)
        }
        return .object([("id", .string(into))])
    }

    private mutating func lock(_ said: JSON) throws(Fault) -> JSON {
        var settings = settings
        for (member, path) in [("period", \XeroSettings.lockDate), ("year_end", \XeroSettings.yearEndLock)] {
            guard let text = said[member]?.string else { continue }
            let date = LocalDate(text)
            guard date != nil || text.isEmpty else { throw Happening.refused("a date is written 2026-10-31", member) }
            settings[keyPath: path] = date
        }
        settingsTable.put(settings)
        return [:]
    }
}
