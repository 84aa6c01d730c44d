import Books
import ConnectorKit
import HTTPServer
import Kernel
import Wire

/// A ledger that is a table in memory behind a real HTTP server, and does what a script says before it does what it should.
final class ScriptedBooks: Sendable {
    /// What happens to a create, update or void, once each, in order.
    enum Act: Sendable {
        /// The request gets lost: nothing is done, no answer comes.
        case loseRequest
        /// It is done, and the answer gets lost.
        case loseAnswer
        /// It is created without effect, and the request that should have given it its effect gets lost.
        case leaveDraft
        case answer(Int, retryAfter: Int? = nil)
        /// It is done, but kept another way: date, total, account, or not at all.
        case twist(@Sendable (inout Entry) -> Void)
        /// Documents of these subjects are refused, each by itself.
        case reject(Set<String>)
        /// A call with one of these subjects is refused as a whole.
        case refuseBatch(Set<String>)
        case fine
    }

    /// One page of what the books say has changed in them.
    struct Told: Sendable {
        var keys: [(key: String, version: String?)] = []
        var ids: [String] = []
        var whole = true
        var at: String?
        /// The page can't be given now.
        var fails = false
    }

    /// A file beside an entry.
    struct File: Sendable, Equatable {
        var entry: String
        var name: String
        var text: String
    }

    struct Entry: Sendable, Equatable {
        var key: String
        var id: String
        var subject: String
        var form: String
        var total: Int64
        var date: String
        var accounts: [String: Int64]
        /// Id of the document that it settles.
        var settles: String?
        var voided = false
        var unfinished = false
        /// Somebody has to approve it; `voided` too.
        var waits = false
        var version = 1
        /// What somebody paid on it there, beside the payments that it knows.
        var theirs: Int64 = 0
        /// What credit somebody set against it there.
        var credited: Int64 = 0
    }

    struct State: Sendable {
        var entries: [Entry] = []
        var script: [Act] = []
        /// Acts that stay in force.
        var always: [Act] = []
        var writes: [[String]] = []
        var requests: [String] = []
        /// From when on what was sent is looked for, seconds; `nil` for a search that is told nothing of it.
        var sinces: [Int64?] = []
        var accounts: [(code: String, active: Bool)] = [("4000", true)]
        var visible = true
        var refusedReferences: Set<String> = []
        /// It takes a number that it has a second time.
        var takesTwice = false
        /// No invoice takes more payments than it is worth.
        var limitsPayments = false
        /// No invoice that something settles is voided.
        var keepsPaid = false
        var voidOrder: [String] = []
        var told: [Told] = []
        /// `since` of each first page that was asked for.
        var asked: [String] = []
        var files: [File] = []
        /// What the source was told, by order.
        var notes: [(order: String, text: String)] = []
        /// What happens to the next notes, once each; not to be mixed with what happens in the books.
        var noteScript: [Act] = []
        /// Subjects whose entries nobody can read: an answer with one of them is no JSON.
        var unreadable: Set<String> = []
    }

    let state = Locked(State())

    func script(_ acts: Act...) { state.with { $0.script += acts } }
    func always(_ acts: Act...) { state.with { $0.always = acts } }
    var entries: [Entry] { state.with { $0.entries } }
    /// Subjects of each write call.
    var writes: [[String]] { state.with { $0.writes } }
    var requests: [String] { state.with { $0.requests } }

    func handle(_ request: HTTPRequest) -> HTTPResponse? {
        state.with { $0.requests.append("\(request.method.rawValue) \(request.path)") }
        switch request.path {
        case "/chart": return chart()
        case "/find", "/fetch": return lookUp(request)
        case "/references": return references(request)
        case "/changes": return changes(request)
        case "/files": return files(request)
        case "/notes": return notes(request)
        default: return write(request)
        }
    }

    private func chart() -> HTTPResponse {
        let accounts = state.with { $0.accounts }
        return .json(200, .object([("accounts", .array(accounts.map { .object([("code", .string($0.code)), ("active", .bool($0.active))]) }))]))
    }

    private func changes(_ request: HTTPRequest) -> HTTPResponse {
        let page = request.query("cursor").flatMap { Int($0) } ?? 0
        let told = state.with { state in
            if page == 0 { state.asked.append(request.query("since") ?? "") }
            return state.told
        }
        guard page < told.count else { return .json(200, .object([])) }
        if told[page].fails { return HTTPResponse(429, fields: ["Retry-After": "30"]) }
        return .json(200, .object([
            ("keys", .array(told[page].keys.map { .object([("key", .string($0.key)), ("version", .optional($0.version))]) })),
            ("ids", .array(told[page].ids.map { .string($0) })), ("whole", .bool(told[page].whole)), ("at", .optional(told[page].at)),
            ("next", .optional(page + 1 < told.count ? "\(page + 1)" : nil)),
        ]))
    }

    private func files(_ request: HTTPRequest) -> HTTPResponse? {
        let entry = request.query("entry") ?? "", name = request.query("name") ?? ""
        guard request.method == .post else {
            let names = state.with { $0.files.filter { $0.entry == entry }.map(\.name) }
            return .json(200, .array(names.map { .string($0) }))
        }
        let act: Act = state.with { state in
            state.writes.append([name])
            return state.script.isEmpty ? .fine : state.script.removeFirst()
        }
        switch act {
        case .loseRequest: return nil
        case .answer(let status, let after): return HTTPResponse(status, fields: after.map { ["Retry-After": "\($0)"] } ?? [:], body: [])
        default: break
        }
        state.with { $0.files.append(File(entry: entry, name: name, text: String(decoding: request.body, as: UTF8.self))) }
        if case .loseAnswer = act { return nil }
        return .json(200, .object([("id", "F1")]))
    }

    private func notes(_ request: HTTPRequest) -> HTTPResponse? {
        let order = request.query("order") ?? ""
        guard request.method == .post else {
            return .json(200, .array(state.with { $0.notes.filter { $0.order == order }.map { .string($0.text) } }))
        }
        let act: Act = state.with { $0.noteScript.isEmpty ? .fine : $0.noteScript.removeFirst() }
        switch act {
        case .loseRequest: return nil
        case .answer(let status, let after): return HTTPResponse(status, fields: after.map { ["Retry-After": "\($0)"] } ?? [:], body: [])
        default: state.with { $0.notes.append((order, String(decoding: request.body, as: UTF8.self))) }
        }
        if case .loseAnswer = act { return nil }
        return .json(200, .object([]))
    }

    private func references(_ request: HTTPRequest) -> HTTPResponse {
        let name = request.query("name") ?? ""
        if state.with({ $0.refusedReferences.contains(name) }) { return .text(400, "no") }
        return .json(200, .object([("id", .string("ref-\(name)"))]))
    }

    private func lookUp(_ request: HTTPRequest) -> HTTPResponse {
        if request.path == "/find" { state.with { $0.sinces.append(request.query("since").flatMap { Int64($0) }) } }
        let wanted = Set((request.query("keys") ?? request.query("ids") ?? "").split(separator: ",").map(String.init))
        let found = state.with { state in
            request.path == "/fetch" ? state.entries.filter { wanted.contains($0.id) } : state.visible ? state.entries.filter { wanted.contains($0.key) } : []
        }
        if found.contains(where: { entry in state.with { $0.unreadable.contains(entry.subject) } }) { return .text(200, "<html>") }
        let all = entries
        return .json(200, .array(found.map { e in
            .object([
                ("open", ["invoice", "credit_note"].contains(e.form) ? .number("\(Self.open(e, all))") : .null), ("credited", .number("\(e.credited)")),
                ("key", .string(e.key)), ("id", .string(e.id)), ("total", .number("\(e.total)")), ("date", .string(e.date)), ("voided", .bool(e.voided)),
                ("unfinished", .bool(e.unfinished)), ("waits", .bool(e.waits)),
                ("settles", .optional(e.settles)), ("version", .string("\(e.version)")), ("accounts", .object(e.accounts.map { ($0.key, .number("\($0.value)")) })),
            ])
        }))
    }

    private static func open(_ entry: Entry, _ all: [Entry]) -> Int64 {
        entry.total - entry.theirs - entry.credited
            - all.filter { ["payment", "refund_payment"].contains($0.form) && $0.settles == entry.id && !$0.voided }.map(\.total).reduce(0, +)
    }

    private func write(_ request: HTTPRequest) -> HTTPResponse? {
        guard let body = try? JSON(parsing: request.body), let documents = body.array else { return .text(400, "unreadable") }
        let entries = documents.map(Self.entry)
        let act: Act = state.with { state in
            state.writes.append(entries.map(\.subject))
            return state.script.isEmpty ? state.always.first ?? .fine : state.script.removeFirst()
        }
        let subjects = Set(entries.map(\.subject))
        switch act {
        case .loseRequest: return nil
        case .answer(let status, let after):
            return HTTPResponse(status, fields: after.map { ["Retry-After": "\($0)"] } ?? [:], body: [])
        case .refuseBatch(let bad) where !bad.isDisjoint(with: subjects): return .text(400, entries.count > 1 ? "batch" : "no")
        case .loseAnswer:
            _ = entries.map { apply($0, request.path) }
            return nil
        case .leaveDraft:
            for entry in entries {
                var draft = entry
                (draft.voided, draft.unfinished) = (true, true)
                _ = apply(draft, request.path)
            }
            return nil
        case .twist(let change):
            return .json(200, .array(entries.map { entry in
                var twisted = entry
                change(&twisted)
                return apply(twisted, request.path)
            }))
        case .reject(let bad):
            return .json(200, .array(entries.map { bad.contains($0.subject) ? .object([("refused", "no")]) : apply($0, request.path) }))
        case .fine, .refuseBatch: return .json(200, .array(entries.map { apply($0, request.path) }))
        }
    }

    private func apply(_ entry: Entry, _ path: String) -> JSON {
        state.with { state in
            let known = state.entries.firstIndex { $0.key == entry.key }
            let live = state.entries.firstIndex { $0.key == entry.key && !$0.voided }
            let at = path == "/create" ? (state.takesTwice ? nil : live) : live ?? known
            if path != "/void", state.limitsPayments, entry.form == "payment", Self.exceeds(entry, state.entries) { return .object([("refused", "no")]) }
            switch (path, at) {
            case ("/create", let at?): return .object([("duplicate", .string(state.entries[at].id))])
            case ("/create", nil):
                var made = entry
                made.id = "D\(state.entries.count + 1)"
                state.entries.append(made)
                return .object([("id", .string(made.id)), ("version", "1")])
            case ("/void", let at?) where state.keepsPaid && state.entries.contains(where: { !$0.voided && $0.settles == state.entries[at].id }):
                return .object([("refused", "paid")])
            case ("/void", let at?):
                state.entries[at].voided = true
                state.voidOrder.append(entry.subject)
                return .object([("id", .string(state.entries[at].id)), ("version", "2")])
            case (_, let at?):
                let (id, version, theirs) = (state.entries[at].id, state.entries[at].version + 1, state.entries[at].theirs)
                state.entries[at] = entry
                state.entries[at].theirs = theirs
                state.entries[at].id = id
                state.entries[at].version = version
                return .object([("id", .string(id)), ("version", .string("\(version)"))])
            default: return .object([("refused", "gone")])
            }
        }
    }

    private static func exceeds(_ entry: Entry, _ all: [Entry]) -> Bool {
        guard let invoice = all.first(where: { $0.id == entry.settles }) else { return true }
        let others = all.filter { $0.form == "payment" && $0.settles == entry.settles && !$0.voided && $0.key != entry.key }
        return others.map(\.total).reduce(entry.total, +) > invoice.total
    }

    private static func entry(_ json: JSON) -> Entry {
        var accounts: [String: Int64] = [:]
        for (name, value) in json["accounts"]?.object ?? [] { accounts[name] = Int64(value.int ?? 0) }
        return Entry(
            key: json["key"]?.string ?? "", id: "", subject: json["subject"]?.string ?? "", form: json["form"]?.string ?? "",
            total: Int64(json["total"]?.int ?? 0), date: json["date"]?.string ?? "", accounts: accounts, settles: json["settles"]?.string)
    }
}

/// The connector of `ScriptedBooks`.
struct ScriptedLedger: LedgerConnector {
    var settles = Duration.zero
    var batch = 10
    var searchable = true
    /// Payments can't be changed, only taken back and written anew.
    var replaces = false
    var limits: [RateLimit] = []
    /// It can be asked what changed, and how far back.
    var tells = false
    var changesReach: Duration?
    /// It takes files beside its documents.
    var takesFiles = false

    var spec: PlatformSpec {
        PlatformSpec(
            id: "scripted-ledger", name: "Scripted Ledger", roles: [.ledger], productionBase: "http://127.0.0.1:1", sandboxBase: nil,
            auth: .header("X-Token"), headers: [:], limits: limits, concurrency: 1, batchSizes: ["*": batch], pageSize: 100, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: searchable, findSettles: settles), tax: .perLine, dimensions: [],
            revisesPaidInvoices: !replaces, apiVersion: "1", sunset: nil, sources: [:])
    }

    private static func refusal(_ code: String, _ why: String) -> Fault { Fault(code, stage: .post, disposition: .reject, summary: why, remedy: "mend it") }

    func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch response.status {
        case 200: .accepted
        case 401: .reauthorize(Self.refusal("token", "the token is refused"))
        case 409: .duplicate(Self.refusal("duplicate", "the number is taken"))
        case 429: .throttled(after: response.fields["Retry-After"].flatMap { Int($0) }.map { .seconds($0) }, bucket: nil)
        case 400: .rejected(Self.refusal(response.bodyText == "batch" ? "batch_refused" : "refused", "the ledger says no"))
        case 500...: .outcomeUnknown(Fault("broken", stage: .post, disposition: .retry, summary: "the ledger broke"))
        default: .rejected(Self.refusal("refused", "the ledger says no"))
        }
    }

    func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        if connection.settings["opens"] == "nothing" { return .fail(Self.refusal("hush", "the books are not shown")) }
        return .finish(AccountIdentity(account: connection.settings["opens"] ?? connection.account, name: "Books"))
    }

    func chart(_: ConnectionFacts) -> Exchange<Chart> {
        .one(Call(.read, HTTPRequest(.get, "/chart"))) { response throws(Fault) in
            let accounts = (try JSON(parsing: response.body)["accounts"]?.array ?? []).map { a in
                LedgerAccount(
                    code: a["code"]?.string ?? "", remoteID: a["code"]?.string ?? "", name: a["code"]?.string ?? "", type: "any",
                    active: a["active"]?.bool ?? false)
            }
            return Chart(accounts: accounts, taxCodes: [], lockDate: nil, baseCurrency: "USD", currencies: ["USD"])
        }
    }

    func itemKey(of _: LedgerDocument.Line) -> String? { nil }

    func references(for document: LedgerDocument) -> [ReferenceWant] {
        [ReferenceWant(kind: .party, key: document.plan.party, name: document.plan.party, text: document.plan.party)]
    }

    func findReferences(_ wants: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { ask(wants, [:]) }
    func createReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }

    private func ask(_ wants: [ReferenceWant], _ known: [String: String]) -> Exchange<[String: String]> {
        guard let want = wants.first else { return .finish(known) }
        return .send(Call(.read, HTTPRequest(.get, "/references?name=\(Form.encode([("", want.name)]).dropFirst())"))) { response in
            var more = known
            more[want.key] = (try? JSON(parsing: response.body))?["id"]?.string
            return ask(Array(wants.dropFirst()), more)
        }
    }

    func batchGroup(of _: LedgerDocument) -> String { "any" }

    func create(_ documents: [LedgerDocument], attempt: String, _: ConnectionFacts) -> Exchange<[PostOutcome]> { write("/create", documents) }
    func update(_ document: LedgerDocument, attempt: String, _ facts: ConnectionFacts) -> Exchange<PostOutcome> {
        guard replaces, document.plan.form == .payment else { return write("/update", [document]).map { $0[0] } }
        return find([document], facts).chain { found in
            guard let seen = found[document.key], !seen.voided else { return create(document) }
            return write("/void", [document]).chain { outcomes in
                guard case .posted? = outcomes.first else { return .finish(outcomes[0]) }
                return create(document)
            }
        }
    }
    private func create(_ document: LedgerDocument) -> Exchange<PostOutcome> { write("/create", [document]).map { $0[0] } }
    func void(_ document: LedgerDocument, attempt: String, _: ConnectionFacts) -> Exchange<PostOutcome> { write("/void", [document]).map { $0[0] } }

    private func write(_ path: String, _ documents: [LedgerDocument]) -> Exchange<[PostOutcome]> {
        let body = JSON.array(documents.map { d in
            .object([
                ("key", .string(d.key.text)), ("subject", .string(d.plan.subject)), ("form", .string(d.plan.form.rawValue)),
                ("total", .number("\(d.plan.total.minor)")), ("settles", .optional(d.appliesTo)), ("date", .string(d.plan.date.description)),
                ("accounts", .object(meant(d).accounts.map { ($0.key, .number("\($0.value)")) })),
            ])
        })
        return .one(Call(.write, HTTPRequest(.post, path, body: body.bytes))) { response throws(Fault) in
            (try JSON(parsing: response.body).array ?? []).map { answer in
                if let id = answer["id"]?.string { return .posted(remoteID: id, version: answer["version"]?.string) }
                if answer["duplicate"] != nil { return .duplicate(Self.refusal("duplicate", "the number is taken")) }
                return .rejected(Self.refusal("refused", "the ledger says no"))
            }
        }
    }

    func find(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let since = documents.compactMap(\.since).min().map { "&since=\($0.seconds)" } ?? ""
        return look("/find?keys=\(documents.map(\.key.text).joined(separator: ","))\(since)")
    }
    func fetch(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        look("/fetch?ids=\(documents.compactMap(\.remoteID).joined(separator: ","))")
    }

    func changes(since: Timestamp, cursor: String?, _: ConnectionFacts) -> Exchange<LedgerChanges>? {
        guard tells else { return nil }
        let target = "/changes?since=\(Form.percent(since.description))" + (cursor.map { "&cursor=\($0)" } ?? "")
        return .one(Call(.read, HTTPRequest(.get, target))) { response throws(Fault) in
            let json = try JSON(parsing: response.body)
            var page = LedgerChanges(
                keys: [], next: json["next"]?.string, watermark: json["at"]?.string.flatMap { Timestamp(rfc3339: $0) },
                remoteIDs: (json["ids"]?.array ?? []).compactMap(\.string), isWhole: json["whole"]?.bool ?? true)
            for item in json["keys"]?.array ?? [] {
                guard let key = item["key"]?.string.flatMap({ PostKey($0) }) else { continue }
                page.keys.append(key)
                page.versions[key] = item["version"]?.string
            }
            return page
        }
    }

    func attach(_ file: LedgerFile, to document: LedgerDocument, attempt: String, _: ConnectionFacts) -> Exchange<PostOutcome>? {
        guard takesFiles else { return nil }
        let target = "/files?entry=\(document.remoteID ?? "")&name=\(Form.percent(file.name))"
        return .send(Call(.read, HTTPRequest(.get, target))) { response in
            let names = ((try? JSON(parsing: response.body))?.array ?? []).compactMap(\.string)
            if names.contains(file.name) { return .finish(.posted(remoteID: "F1", version: nil)) }
            return .one(Call(.write, HTTPRequest(.post, target, body: file.bytes))) { response throws(Fault) in
                guard let id = try JSON(parsing: response.body)["id"]?.string else { return .rejected(Self.refusal("refused", "the ledger says no")) }
                return .posted(remoteID: id, version: nil)
            }
        }
    }

    /// Of several with one key the last: what replaced the others.
    private func look(_ target: String) -> Exchange<[PostKey: LedgerReadback]> {
        .one(Call(.read, HTTPRequest(.get, target))) { response throws(Fault) in
            var out: [PostKey: LedgerReadback] = [:]
            guard let entries = (try? JSON(parsing: response.body))?.array else {
                throw Fault("unreadable_answer", stage: .post, disposition: .retry, summary: "the answer is no list")
            }
            for e in entries {
                guard let key = e["key"]?.string.flatMap({ PostKey($0) }), let id = e["id"]?.string else { continue }
                var accounts: [String: Int64] = [:]
                for (name, value) in e["accounts"]?.object ?? [] { accounts[name] = Int64(value.int ?? 0) }
                out[key] = LedgerReadback(
                    key: key, remoteID: id, version: e["version"]?.string, date: e["date"]?.string.flatMap { LocalDate($0) }, currency: "USD",
                    total_minor: Int64(e["total"]?.int ?? 0), tax_minor: nil, party: nil, accounts: accounts, voided: e["voided"]?.bool ?? false,
                    appliesTo: e["settles"]?.string, unfinished: e["unfinished"]?.bool ?? false, waits: e["waits"]?.bool ?? false,
                    open_minor: e["open"]?.int.map { Int64($0) }, credited_minor: e["credited"]?.int.map { Int64($0) })
            }
            return out
        }
    }

    func meant(_ document: LedgerDocument) -> LedgerReadback {
        var accounts: [String: Int64] = [:]
        for line in document.lines where line.plan.part != .control { accounts[line.account.code, default: 0] += line.plan.amount.minor }
        return LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: nil, date: document.plan.date, currency: "USD",
            total_minor: document.plan.total.minor, tax_minor: nil, party: nil, accounts: accounts, voided: document.plan.effect == .void,
            appliesTo: document.appliesTo)
    }
}

extension Exchange {
    /// The same conversation, gone on with by what it came to.
    func chain<Other: Sendable>(_ next: @escaping @Sendable (Output) -> Exchange<Other>) -> Exchange<Other> {
        switch self {
        case .send(let call, let then): .send(call) { then($0).chain(next) }
        case .finish(let output): next(output)
        case .fail(let fault): .fail(fault)
        }
    }
}
