internal import Crypto
internal import Kernel
internal import Wire

/// One thing that nothing maps and the account that somebody chose for it: what that changes, and the change itself.
struct MappingFix: Sendable {
    let tenant: String
    /// The check that the person came from.
    let code: String
    /// `reason_code`, `role`, `tax_code`.
    let kind: String
    let value: String
    let ledger: String
    var count = 0
    /// The account's or tax code's code; "" accepts a reason code as it is.
    var account = ""
    /// Versions that the person saw.
    var versions = ""
    /// What the rehearsal said.
    var effect: JSON?
    /// It was changed after the preview that the person saw.
    var isAnew = false

    /// What a preview was of: only just that can be put in force by it.
    var seal: String {
        Digest.sha256(JSON.array([tenant, versions, kind, value, ledger, account].map { .string($0) }).bytes).hexText
    }

    init(tenant: String, code: String, _ gap: JSON, _ open: JSON) {
        self.tenant = tenant
        self.code = code
        kind = gap.text("kind")
        value = gap.text("value")
        ledger = gap.text("ledger")
        count = gap.count("count")
        versions = MappingFix.versions(open)
    }

    init(tenant: String, form clerk: Clerk) throws {
        self.tenant = tenant
        code = clerk.form("code")
        kind = clerk.form("kind")
        value = clerk.form("value")
        ledger = clerk.form("ledger")
        account = clerk.form("account")
        versions = clerk.form("versions")
        guard ["reason_code", "role", "tax_code"].contains(kind), Clerk.isID(ledger), !value.isEmpty, value.utf8.count <= 200, account.utf8.count <= 64 else { throw Refusal.notFound() }
    }

    private static func versions(_ json: JSON) -> String { "\(json.count("structure_version")).\(json.count("rules_version"))" }

    /// Of its panel on the page; the value may hold anything.
    var anchor: String { "fix-" + Digest.sha256(Array("\(tenant) \(kind) \(value) \(ledger)".utf8)).hexText.prefix(12) }

    // MARK: The change

    /// The tenant's structure or rules with the choice in them; `nil` where it stays as it is.
    static func change(kind: String, value: String, account: String, structure: JSON, rules: JSON) throws -> (structure: JSON?, rules: JSON?) {
        switch kind {
        case "reason_code" where account.isEmpty:
            return (nil, rules.setting("reason_codes", .array(rules.list("reason_codes") + [.string(value)])))
        case "reason_code":
            guard !value.contains("*") else {
                throw Refusal(422, "invalid_request", "The code \(value) holds a *, which stands for anything in a rule.", remedy: "Write this rule in the rules' editor.", field: "value")
            }
            let rule: JSON = .object([
                ("name", .string("reason \(value)")), ("when", .object([("reason_code", .string(value))])), ("set", .object([("account", .string(account))])),
            ])
            // First, so that what was chosen is what holds.
            return (nil, rules.setting("rules", .array([rule] + rules.list("rules"))))
        case "tax_code": return (structure.setting("tax_codes", (structure["tax_codes"] ?? .object([])).setting(value, .string(account))), nil)
        default: return (structure.setting("accounts", (structure["accounts"] ?? .object([])).setting(value, .string(account))), nil)
        }
    }

    private func changed(_ clerk: Clerk) async throws -> (structure: JSON?, rules: JSON?) {
        if kind != "reason_code", account.isEmpty {
            throw Refusal(422, "invalid_request", "No account was chosen.", remedy: "Go back and choose one.", field: "account")
        }
        let now = try await clerk.get("/v1/tenants/\(tenant)/configuration")
        guard versions == MappingFix.versions(now) else {
            throw Refusal(
                412, "changed_meanwhile", "The rules or the account structure were changed meanwhile.", remedy: "Go back, load the page again and look at what is left.")
        }
        return try MappingFix.change(kind: kind, value: value, account: account, structure: now["structure"] ?? .object([]), rules: now["rules"] ?? .object([]))
    }

    func rehearse(_ clerk: Clerk) async throws -> JSON {
        let (structure, rules) = try await changed(clerk)
        return try await rehearse(clerk, structure, rules)
    }

    private func rehearse(_ clerk: Clerk, _ structure: JSON?, _ rules: JSON?) async throws -> JSON {
        try await clerk.send(.post, "/v1/tenants/\(tenant)/rehearsal", MappingFix.body(structure, rules))
    }

    private static func body(_ structure: JSON?, _ rules: JSON?) -> JSON {
        var out: [(key: String, value: JSON)] = []
        if let structure { out.append(("structure", structure)) }
        if let rules { out.append(("rules", rules)) }
        return .object(out)
    }

    /// Puts the next version in force.
    /// - Returns: keys of the postings that it sets free.
    func apply(_ clerk: Clerk) async throws -> [String] {
        let (structure, rules) = try await changed(clerk)
        let effect = try await rehearse(clerk, structure, rules)
        try await clerk.send(.put, "/v1/tenants/\(tenant)/configuration", MappingFix.body(structure, rules), seen: "\"\(versions)\"")
        return effect.list("postings").filter { $0["frees"]?.bool == true }.map { $0.text("post_key") }
    }

    // MARK: Its panel

    private var title: HTML {
        switch kind {
        case "reason_code": "The shop says <code>\(value)</code>. Where does it belong?"
        case "tax_code": "Which tax code of the ledger is <code>\(value)</code>?"
        default: "Which account takes <code>\(value)</code>?"
        }
    }

    /// - Parameter chosen: this fix as the person filled it in, with what it would change.
    func panel(_ clerk: Clerk, name: String?, _ chosen: MappingFix?) async throws -> HTML {
        let whose: HTML = name.map { "<p class=\"soft small\">\($0)</p>" } ?? ""
        guard clerk.may(.admin) else {
            return "<section id=\"\(anchor)\" class=\"panel fix\">\(whose)<h2>\(title)</h2><p>A key with the scope <code>admin</code> may answer this.</p></section>"
        }
        let choices = try await choices(clerk, chosen?.account)
        let preview: HTML = chosen.map { $0.preview() } ?? ""
        let fields: [HTML] = [("code", code), ("kind", kind), ("value", value), ("ledger", ledger), ("versions", versions), ("seen", chosen?.seal ?? "")].map {
            "<input type=\"hidden\" name=\"\($0.0)\" value=\"\($0.1)\">"
        }
        let another: HTML = chosen == nil ? "<button name=\"do\" value=\"preview\" class=\"primary\">Preview</button>" : "<button name=\"do\" value=\"preview\">Preview again</button>"
        return """
            <section id="\(anchor)" class="panel fix" tabindex="-1">\(whose)<h2>\(title)</h2><p class="soft">\(Prose.some(count, "posting waits", "postings wait")) for this answer.</p>
            <form method="post" action="/tenants/\(tenant)/mapping" data-swap="\(anchor)">\(fields)<div class="choose"><div><label for="\(anchor)-a">\(kind == "tax_code" ? "Tax code" : "Account")</label>\(choices)</div>\
            \(another)</div>\(preview)</form></section>
            """
    }

    private func choices(_ clerk: Clerk, _ account: String?) async throws -> HTML {
        let chart = try await clerk.get("/v1/connections/\(ledger)/accounts")
        let codes = chart.list("tax_codes").compactMap(\.string)
        if kind == "tax_code", codes.isEmpty { return "<input id=\"\(anchor)-a\" name=\"account\" required maxlength=\"64\" value=\"\(account ?? "")\">" }
        var options: [HTML] = []
        if kind == "tax_code" {
            options = Shell.options([("", "Choose a tax code")] + codes.map { ($0, $0) }, chosen: account ?? "")
        } else {
            let first = kind == "reason_code" ? "As other returns" : "Choose an account"
            options = Shell.options([("", first)], chosen: account ?? "")
            var kinds: [String] = []
            let open = chart.list("accounts").filter { $0["active"]?.bool == true && !$0.text("code").isEmpty }.sorted { $0.text("code") < $1.text("code") }
            for row in open where !kinds.contains(row.text("type")) { kinds.append(row.text("type")) }
            for type in kinds {
                let inside = open.filter { $0.text("type") == type }.map { ($0.text("code"), "\($0.text("code")) · \($0.text("name"))") }
                options.append("<optgroup label=\"\(type.isEmpty ? "Accounts" : type)\">\(Shell.options(inside, chosen: account ?? ""))</optgroup>")
            }
        }
        let must: HTML = kind == "reason_code" ? "" : " required"
        return "<select id=\"\(anchor)-a\" name=\"account\"\(must)>\(options)</select>"
    }

    /// What the choice would change, and the button that does it.
    private func preview() -> HTML {
        guard let effect else { return "" }
        let version = kind == "reason_code" ? effect.count("rules_version") + 1 : effect.count("structure_version") + 1
        let what = kind == "reason_code" ? "rules" : "account structure"
        let anew: HTML = isAnew ? Shell.note("The choice is another one than was looked at. Nothing is in force yet: this is what it would do.", .warn) : ""
        let freed = effect.count("freed"), rows = effect.list("postings")
        let summary = freed == 0
            ? "Nothing is set free by this alone: other checks hold these postings as well."
            : "\(Prose.some(freed, "posting goes", "postings go")) on at once. What a ledger has already stays as it is."
        return """
            <div class="preview" role="status"><h3>What this changes</h3>\(anew)<p class="lead">\(summary)</p>\(EffectTable.table(rows))
            <div class="apply"><button name="do" value="apply" class="primary">Apply as \(what) version \(version)</button>\
            <span class="soft small">Looked at \(Prose.some(effect.count("looked_at"), "posting")) that no ledger has yet\(effect["more"]?.bool == true ? "; there are more" : "").</span></div></div>
            """
    }
}

/// Lines before and after, as a rehearsal tells them.
enum EffectTable {
    static func table(_ postings: [JSON], most: Int = 60) -> HTML {
        var lines: [HTML] = []
        // What waits for another comes after it.
        let own = postings.filter { $0.list("lines").contains(where: isShown) }, others = postings.filter { !$0.list("lines").contains(where: isShown) }
        for posting in own + others {
            let changes = posting.list("lines").filter(isShown)
            let left = posting.list("left").compactMap(\.string)
            let fate: HTML = posting["frees"]?.bool == true ? Prose.chip("goes on", .good)
                : left.isEmpty ? Prose.chip(posting.text("state"), Prose.tone(posting.text("state"))) : "\(Prose.chip("held", .warn)) <span class=\"soft small\">\(left.map(Prose.plain).joined(separator: ", "))</span>"
            for (n, line) in (changes.isEmpty ? [JSON.null] : changes).enumerated() where lines.count < most {
                let isWhole = line.isNull
                let head: HTML = n == 0 ? "<a href=\"/postings/\(posting.text("post_key"))\">\(Prose.title(posting.text("form"))) \(posting.text("reference"))</a>" : "<span class=\"soft\">″</span>"
                lines.append("""
                    <tr>\(HTML.rowHead(head))<td>\(line.text("text").isEmpty ? line.text("role") : line.text("text"))</td>\(HTML.figure(Prose.amount(line.text("amount"))))\
                    \("<td colspan=\"2\" class=\"soft\">waits for another, and goes with it</td>" as HTML, if: isWhole)\
                    \("<td>\(side(line["before"]))</td><td>\(side(line["after"]))</td>" as HTML, if: !isWhole)<td>\(n == 0 ? fate : "")</td></tr>
                    """)
            }
        }
        let table = HTML.table("Postings before and after", ["Document", "Line", .number("Amount"), "Now", "Then", "What becomes of it"], lines, none: "No posting changes.")
        return "<div class=\"effect\">\(table)</div>"
    }

    private static func isShown(_ line: JSON) -> Bool { line["changes"]?.bool == true || line.has("reason_code") }

    private static func side(_ account: JSON?) -> HTML {
        guard let account, !account.isNull else { return "<span class=\"soft\">no account</span>" }
        let tax: HTML = account.has("tax_code") ? " <span class=\"soft small\">\(account.text("tax_code"))</span>" : ""
        let doubt: HTML = account["known"]?.bool == false ? " <span class=\"bad-text small\">not in the ledger</span>" : account["active"]?.bool == false ? " <span class=\"bad-text small\">closed</span>" : ""
        return "<span class=\"num\">\(account.text("code"))</span> \(account.text("name"))\(tax)\(doubt)"
    }
}
