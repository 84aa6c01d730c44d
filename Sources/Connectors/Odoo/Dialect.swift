internal import ConnectorKit
internal import Kernel
internal import Wire

/// How the Odoo at the other end is spoken to: which transport, and which names its version has for things. Taken from the connection's settings,
/// so that the first call can be a write.
struct Dialect: Sendable, Equatable {
    enum Transport: String, Sendable, CaseIterable {
        /// `POST /json/2/{model}/{method}`, from version 19.
        case json2
        /// `POST /jsonrpc`, all versions.
        case jsonrpc
        /// `POST /xmlrpc/2/object`, all versions.
        case xmlrpc
    }

    var version: Int
    var transport: Transport
    /// The company's id; where it is not set, the user's own.
    var company: Int?
    /// Ids of journals; where they are not set, Odoo's own choice by the document's type.
    var salesJournal: Int?
    var purchaseJournal: Int?
    var generalJournal: Int?

    static let versions = 14 ... 19
    /// Settings that this connector understands.
    static let settings: [String: String] = [
        "version": "Odoo's major version, 14 to 19",
        "transport": "json2, jsonrpc or xmlrpc; json2 from version 19 and jsonrpc before, where it is not set",
        "company": "the company's id, where the user may work for several",
        "sales_journal": "id of the journal for invoices and credit notes",
        "purchase_journal": "id of the journal for suppliers' bills",
        "general_journal": "id of the journal for payments and all other entries",
    ]

    /// - Throws: `setting_invalid` (reject).
    init(_ connection: ConnectionFacts) throws(Fault) {
        let settings = connection.settings
        version = try Dialect.whole(settings, "version", Dialect.versions) ?? Dialect.versions.upperBound
        let usual: Transport = version >= 19 ? .json2 : .jsonrpc
        guard let chosen = settings["transport"].map({ Transport(rawValue: $0) }) ?? usual else { throw Dialect.invalid("transport") }
        guard chosen != .json2 || version >= 19 else { throw Dialect.invalid("transport") }
        transport = chosen
        company = try Dialect.whole(settings, "company", OdooLimits.ids)
        salesJournal = try Dialect.whole(settings, "sales_journal", OdooLimits.ids)
        purchaseJournal = try Dialect.whole(settings, "purchase_journal", OdooLimits.ids)
        generalJournal = try Dialect.whole(settings, "general_journal", OdooLimits.ids)
    }

    private static func whole(_ settings: [String: String], _ name: String, _ range: ClosedRange<Int>) throws(Fault) -> Int? {
        guard let text = settings[name], !text.isEmpty else { return nil }
        // People write 18.0 as well.
        let digits = name == "version" && text.hasSuffix(".0") ? text.dropLast(2) : text[...]
        guard digits.utf8.allSatisfy({ (48 ... 57).contains($0) }), let number = Int(digits), range.contains(number) else { throw invalid(name) }
        return number
    }

    private static func invalid(_ name: String) -> Fault {
        Fault(
            "setting_invalid", stage: .post, disposition: .reject, summary: "the connection's setting \(name) says nothing that Odoo's connector understands",
            remedy: "Set it to \(settings[name] ?? "something else").", position: name)
    }

    // MARK: What versions call things

    /// Analytic accounts by share; before it was one account of a line.
    var hasDistribution: Bool { version >= 16 }
    /// A draft's receivable line follows its other lines by itself, and `balance` can be written.
    var linesFollow: Bool { version >= 16 }
    /// The field of a journal item that tells its account's type, and the values of receivables and payables.
    var accountType: (field: String, receivable: String, payable: String) {
        version >= 16 ? ("account_type", "asset_receivable", "liability_payable") : ("account_internal_type", "receivable", "payable")
    }
    /// The field of an account that tells its type.
    var typeOfAccount: String { version >= 16 ? "account_type" : "internal_type" }
    /// Accounts that belong to several companies.
    var sharesAccounts: Bool { version >= 18 }
    /// Accounts are archived like everything else; before they were deprecated.
    var archivesAccounts: Bool { version >= 19 }
    /// A document can state its own rate, in its currency's units per unit of the company's.
    var statesRate: Bool { version >= 18 }
    /// The reversal wizard leaves a draft; before, with `refund_method`, it posted and settled.
    var reversalLeavesDraft: Bool { version >= 17 }
    /// Fields of an order's lines: the taxes and the unit.
    /// - Source: odoo/odoo, addons/purchase/models/purchase_order_line.py: `taxes_id` and `product_uom` up to 18; that 19 has the others is general knowledge.
    var orderLine: (taxes: String, unit: String) { version >= 19 ? ("tax_ids", "product_uom_id") : ("taxes_id", "product_uom") }
    /// An order's lines can have a discount, which a supplier's price list fills.
    var discountsOrders: Bool { version >= 17 }
    /// Fields of a company with days up to which sales are closed.
    var lockDates: [String] {
        version >= 18
            ? ["fiscalyear_lock_date", "tax_lock_date", "sale_lock_date", "hard_lock_date"] : ["fiscalyear_lock_date", "tax_lock_date", "period_lock_date"]
    }

    // MARK: Calls

    /// Part of every call: English, because what a refusal is about is known by its words.
    func context(_ more: [(key: String, value: JSON)] = []) -> JSON {
        var members: [(key: String, value: JSON)] = [("lang", "en_US")]
        if let company { members.append(("allowed_company_ids", [.number("\(company)")])) }
        return .object(members + more)
    }

    /// The same call in this transport's words.
    func call(_ asking: Asking) -> Call {
        let context = self.context(asking.context)
        switch transport {
        case .json2:
            var members: [(key: String, value: JSON)] = asking.ids.map { [("ids", .ids($0))] } ?? []
            members += asking.arguments.map { (key: $0.name, value: $0.value) }
            members.append(("context", context))
            let request = HTTPRequest(
                .post, "/json/2/\(asking.model)/\(asking.method)", fields: ["Content-Type": "application/json"], body: JSON.object(members).bytes)
            return Call(asking.kind, request, cost: asking.cost, headers: [Dialect.bearer])
        case .jsonrpc:
            let (positional, named) = asking.split(context)
            let body: FilledBody = """
                {"jsonrpc":"2.0","method":"call","id":1,"params":{"service":"object","method":"execute_kw","args":[\(json: .account),\
                \(number: .part("uid")),\(json: .part("api_key")),\(bytes: JSON.string(asking.model).bytes),\(bytes: JSON.string(asking.method).bytes),\
                \(bytes: JSON.array(positional).bytes),\(bytes: named.bytes)]}}
                """
            return Call(asking.kind, HTTPRequest(.post, "/jsonrpc", fields: ["Content-Type": "application/json"]), body: body, cost: asking.cost)
        case .xmlrpc:
            let (positional, named) = asking.split(context)
            return XMLRPC.call(
                asking.kind, "/xmlrpc/2/object", method: "execute_kw",
                [
                    .text(.account), .integer(.part("uid")), .text(.part("api_key")), .value(.string(asking.model)), .value(.string(asking.method)),
                    .value(.array(positional)), .value(named),
                ], cost: asking.cost)
        }
    }

    static let bearer = FilledHeader("Authorization", .joined([.text("bearer "), .part("api_key")]))

    /// The call that finds out the user's id, and by that whether the key is good.
    static func login(_ connection: ConnectionFacts) -> Call {
        // Settings that can't be read are told of by the call that follows.
        let transport = (try? Dialect(connection))?.transport ?? .json2
        switch transport {
        case .json2:
            let request = HTTPRequest(.post, "/json/2/res.users/context_get", fields: ["Content-Type": "application/json"], body: Array("{}".utf8))
            return Call(.read, request, cost: Budget.one, headers: [bearer])
        case .jsonrpc:
            let body: FilledBody = """
                {"jsonrpc":"2.0","method":"call","id":1,"params":{"service":"common","method":"authenticate","args":[\(json: .account),\
                \(json: .part("login")),\(json: .part("api_key")),{}]}}
                """
            return Call(.read, HTTPRequest(.post, "/jsonrpc", fields: ["Content-Type": "application/json"]), body: body, cost: Budget.one)
        case .xmlrpc:
            return XMLRPC.call(
                .read, "/xmlrpc/2/common", method: "authenticate", [.text(.account), .text(.part("login")), .text(.part("api_key")), .value([:])],
                cost: Budget.one)
        }
    }

    /// What version runs there.
    func versionCall() -> Call {
        switch transport {
        case .json2: return Call(.read, HTTPRequest(.get, "/web/version"), cost: Budget.one)
        case .jsonrpc:
            let body: JSON = ["jsonrpc": "2.0", "method": "call", "id": 1, "params": ["service": "common", "method": "version", "args": []]]
            return Call(.read, HTTPRequest(.post, "/jsonrpc", fields: ["Content-Type": "application/json"], body: body.bytes), cost: Budget.one)
        case .xmlrpc: return XMLRPC.call(.read, "/xmlrpc/2/common", method: "version", [], cost: Budget.one)
        }
    }
}

/// One call of a model's method, in no transport's words.
struct Asking: Sendable {
    var kind: Call.Kind
    var model: String
    var method: String
    /// Of the records that the method works on; `nil` for a method of the model itself.
    var ids: [Int]?
    var arguments: [(name: String, value: JSON)]
    var context: [(key: String, value: JSON)] = []
    /// Units of the budget. The first write of a conversation pays for all that has to follow, whose units are 0: a budget that ends between a draft
    /// and its posting would leave the document without effect.
    var units = 1

    var cost: [String: Int] { units > 0 ? [Budget.minute: units] : [:] }

    init(_ kind: Call.Kind, _ model: String, _ method: String, ids: [Int]? = nil, _ arguments: [(name: String, value: JSON)] = [], units: Int = 1) {
        self.units = units
        self.kind = kind
        self.model = model
        self.method = method
        self.ids = ids
        self.arguments = arguments
    }

    /// As `execute_kw` wants it: ids first; what `create` and `write` take goes by place, because the server looks at it there.
    /// - Source: odoo/odoo, odoo/api.py, call_kw.
    func split(_ context: JSON) -> (positional: [JSON], named: JSON) {
        let byPlace = method == "create" || method == "write"
        let positional: [JSON] = (ids.map { [.ids($0)] } ?? []) + (byPlace ? arguments.map(\.value) : [])
        let named: [(key: String, value: JSON)] = byPlace ? [] : arguments.map { (key: $0.name, value: $0.value) }
        return (positional, .object(named + [("context", context)]))
    }
}

/// What a call asks for, read from the call itself: so that an answer can be judged by it.
struct Asked: Sendable, Equatable {
    var transport: Dialect.Transport
    /// Empty for a login and the version.
    var model = ""
    var method = ""
    /// Records that a create would make.
    var records = 1

    /// `nil` for what is no call of ours.
    init?(_ request: HTTPRequest) {
        let parts = request.path.split(separator: "/").map(String.init)
        switch parts.first {
        case "json" where parts.count == 4:
            (transport, model, method) = (.json2, parts[2], parts[3])
            if method == "create" { records = (try? JSON(parsing: request.body))?["vals_list"]?.array?.count ?? 1 }
        case "web": transport = .json2
        case "jsonrpc":
            transport = .jsonrpc
            read((try? JSON(parsing: request.body))?.member("params", "args")?.array ?? [])
        case "xmlrpc":
            transport = .xmlrpc
            if let asked = XMLRPC.asked(request.body), asked.method == "execute_kw" { read(asked.values) }
        default: return nil
        }
    }

    /// `db, uid, key, model, method, [positional], {named}`.
    private mutating func read(_ values: [JSON]) {
        guard values.count >= 7, let model = values[3].string, let method = values[4].string else { return }
        (self.model, self.method) = (model, method)
        if method == "create" { records = values[5][0]?.array?.count ?? 1 }
    }

    /// A step of ours behind a create: a clear no to it goes to the exchange, which knows what to take back.
    var isStep: Bool {
        ["action_post", "button_confirm", "button_draft", "button_cancel", "unlink", "write", "reconcile", "reverse_moves", "refund_moves"].contains(method)
    }
}

extension JSON {
    static func ids(_ ids: [Int]) -> JSON { .array(ids.map { .number("\($0)") }) }
    static func id(_ id: Int) -> JSON { .number("\(id)") }

    /// The id of a many2one, which is written as a number and read as `[id, "name"]`; `nil` for `false`.
    var id: Int? {
        let found = int ?? self[0]?.int
        return found.flatMap { OdooLimits.ids.contains($0) ? $0 : nil }
    }

    /// The name of a many2one.
    var named: String? { self[1]?.string }

    /// A text; `nil` for `false`, which is how nothing is read, and for an empty one.
    var words: String? { string.flatMap { $0.isEmpty ? nil : $0 } }
}

/// An id of ours as it was kept: decimal digits.
func recordID(_ text: String?) -> Int? {
    guard let text, text.utf8.allSatisfy({ (48 ... 57).contains($0) }), let id = Int(text), OdooLimits.ids.contains(id) else { return nil }
    return id
}
