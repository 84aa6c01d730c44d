internal import Crypto
internal import Kernel
internal import Wire

/// The account structure and the rules of a tenant, written as they are kept, with what a change would do before it is one.
enum RulesPage {
    static let endpoints = [
        Shell.page("/tenants/{tenant}/rules") { clerk in
            let tenant = try clerk.part("tenant")
            return try await content(clerk, tenant, try await Draft.inForce(clerk, tenant))
        },
        Shell.action("/tenants/{tenant}/rules") { clerk in try await change(clerk) },
    ]

    /// What stands in the editor.
    struct Draft: Sendable {
        var structure: String
        var rules: String
        /// Of what it began with.
        var versions: String
        var findings: [Refusal.Finding] = []
        var effect: JSON?
        /// Of what was looked at for `effect`: versions and texts.
        var seal = ""
        var isSaved = false
        /// It was changed after the preview that the person saw.
        var isAnew = false
        /// Somebody else has made other versions meanwhile.
        var isOutdated = false

        /// The person knows what it would change.
        var isSeen: Bool { effect.map { _ in true } ?? false }

        /// A tenant that has none yet begins with empty ones.
        static func inForce(_ clerk: Clerk, _ tenant: String) async throws -> Draft {
            let now = try await clerk.get("/v1/tenants/\(tenant)/configuration")
            func kept(_ member: String, _ first: JSON) -> String { pretty(now.has(member) ? now[member] ?? first : first) }
            return Draft(
                structure: kept("structure", .object([("accounts", .object([])), ("tax_codes", .object([]))])), rules: kept("rules", .object([("reason_codes", []), ("rules", [])])),
                versions: "\(now.count("structure_version")).\(now.count("rules_version"))", isSaved: clerk.query("done") != nil)
        }
    }

    /// What a preview was of, spaces aside: only just that can be put in force by it.
    static func seal(_ tenant: String, _ versions: String, _ structure: JSON, _ rules: JSON) -> String {
        Digest.sha256(Array("\(tenant) \(versions)\n".utf8) + structure.bytes + [10] + rules.bytes).hexText
    }

    private static func content(_ clerk: Clerk, _ tenant: String, _ draft: Draft) async throws -> Shell.Content {
        let name = try await clerk.tenant(tenant).text("name")
        let versions = try await clerk.items("/v1/tenants/\(tenant)/rules/versions?limit=10") .map { ("Rules", $0) }
            + clerk.items("/v1/tenants/\(tenant)/structure/versions?limit=10").map { ("Structure", $0) }
        let past: [HTML] = versions.sorted { $0.1.text("created_at") > $1.1.text("created_at") }.prefix(12).map { kind, row in
            "<tr>\(HTML.rowHead("\(kind) \(row.count("version"))"))<td class=\"nowrap\">\(Prose.time(row.text("created_at")))</td><td>\(row.text("actor"))</td></tr>"
        }
        let may = clerk.may(.admin)
        let only: HTML = may ? "" : " readonly"
        let buttons: HTML = !may ? "<p class=\"soft\">A key with the scope <code>admin</code> may change them.</p>" : """
            <div class="apply"><button name="do" value="preview" class="primary">Preview</button>\("<button name=\"do\" value=\"apply\">Put in force</button>" as HTML, if: draft.isSeen)\
            <span class="soft small">Nothing changes before you put it in force; what a ledger has already stays as it is.</span></div>
            """
        let saved: HTML = draft.isSaved ? Shell.note("In force. What no ledger has yet is planned anew.", .good) : ""
        return Shell.Content(title: "Accounts and rules", place: "tenants", trail: [(name, "/tenants/\(tenant)")], body: """
            \(saved)\(outdated(draft, tenant))\(findings(draft))<form method="post" action="/tenants/\(tenant)/rules" class="panel"><input type="hidden" name="versions" value="\(draft.versions)">\
            <input type="hidden" name="seen" value="\(draft.seal)"><div class="editor">\
            <div><label for="structure">Account structure</label><textarea id="structure" name="structure" spellcheck="false" autocapitalize="off"\(only)\(invalid(draft, "structure"))>\n\(draft.structure)</textarea></div>\
            <div><label for="rules">Rules</label><textarea id="rules" name="rules" spellcheck="false" autocapitalize="off"\(only)\(invalid(draft, "rules"))>\n\(draft.rules)</textarea></div></div>\(buttons)</form>
            \(effect(draft))<section class="panel"><h2>Versions</h2>\(HTML.table("Versions", ["Version", "Since", "By"], past, none: "None yet."))</section>
            """)
    }

    private static func invalid(_ draft: Draft, _ field: String) -> HTML {
        draft.findings.contains { $0.field.hasPrefix(field) } ? " aria-invalid=\"true\" aria-describedby=\"findings\"" : ""
    }

    private static func outdated(_ draft: Draft, _ tenant: String) -> HTML {
        guard draft.isOutdated else { return "" }
        return """
            <div class="message bad" role="alert"><p class="strong">Nothing was changed: somebody changed the rules or the account structure meanwhile.</p>\
            <p>What you wrote is still here. <a href="/tenants/\(tenant)/rules" target="_blank">See what is in force now</a>, and put your change in there.</p></div>
            """
    }

    private static func findings(_ draft: Draft) -> HTML {
        let parts: [HTML] = draft.findings.map { "<li><code>\($0.field)</code> \($0.why). \($0.remedy)</li>" }
        return parts.isEmpty ? "" : "<div class=\"message bad\" id=\"findings\" role=\"alert\"><p class=\"strong\">\(Prose.some(parts.count, "thing")) to mend first</p><ul>\(parts)</ul></div>"
    }

    private static func effect(_ draft: Draft) -> HTML {
        guard let effect = draft.effect else { return "" }
        let cut: HTML = effect["more"]?.bool == true ? " There are more that were not looked at." : ""
        let anew: HTML = draft.isAnew ? Shell.note("You changed it after the preview. Nothing is in force yet: this is what it would do now.", .warn) : ""
        guard effect.count("looked_at") > 0 else {
            let none: HTML = effect["more"]?.bool == true ? "What waits for the ledger is too much to look at here." : "No posting waits for the ledger, so nothing changes at once. What comes in from then on goes by it."
            return "<section class=\"panel\" id=\"effect\"><h2>What this would change</h2>\(anew)<p class=\"lead\">\(none)</p></section>"
        }
        return """
            <section class="panel" id="effect"><h2>What this would change</h2>\(anew)<p class="lead">\(Prose.some(effect.count("changed"), "posting")) of \(Prose.count(effect.count("looked_at"))) that no ledger has yet would \
            change, and \(Prose.count(effect.count("freed"))) that \(effect.count("freed") == 1 ? "is" : "are") held would go on.\(cut)</p>\(EffectTable.table(effect.list("postings")))</section>
            """
    }

    private static func change(_ clerk: Clerk) async throws -> Shell.Outcome {
        let tenant = try clerk.part("tenant")
        // Browsers send line ends as two characters.
        var draft = Draft(
            structure: clerk.form("structure").replacing("\r\n", with: "\n"), rules: clerk.form("rules").replacing("\r\n", with: "\n"), versions: clerk.form("versions"))
        let structure = read(draft.structure, "structure", &draft), rules = read(draft.rules, "rules", &draft)
        guard let structure, let rules, draft.findings.isEmpty else { return .show(try await content(clerk, tenant, draft)) }
        do {
            let told = try await clerk.send(.post, "/v1/tenants/\(tenant)/rehearsal", .object([("structure", structure), ("rules", rules)]))
            draft.isOutdated = "\(told.count("structure_version")).\(told.count("rules_version"))" != draft.versions
            guard !draft.isOutdated else { return .show(try await content(clerk, tenant, draft)) }
            draft.effect = told
        } catch let refusal as Refusal where refusal.status == 422 {
            draft.findings = refusal.errors
            return .show(try await content(clerk, tenant, draft))
        } catch let refusal as Refusal where refusal.code == "not_configured" {
            // The first ones of all: nothing is planned yet that they could change.
            draft.effect = .object([])
        }
        draft.seal = seal(tenant, draft.versions, structure, rules)
        let applies = clerk.form("do") == "apply"
        draft.isAnew = applies && clerk.form("seen") != draft.seal
        guard applies, !draft.isAnew else { return .show(try await content(clerk, tenant, draft)) }
        do {
            try await clerk.send(.put, "/v1/tenants/\(tenant)/configuration", .object([("structure", structure), ("rules", rules)]), seen: "\"\(draft.versions)\"")
        } catch where Refusal(error).status == 412 {
            draft.isOutdated = true
            draft.effect = nil
            return .show(try await content(clerk, tenant, draft))
        }
        return .go("/tenants/\(tenant)/rules?done=1")
    }

    private static func read(_ text: String, _ field: String, _ draft: inout Draft) -> JSON? {
        do throws(Fault) { return try JSON(parsing: Array(text.utf8)) } catch {
            draft.findings.append(.init(field: field, why: error.summary + (error.position.map { " at \($0)" } ?? ""), remedy: "Mend the JSON there."))
            return nil
        }
    }

    /// JSON as people write it: a member a line, short things on one.
    static func pretty(_ json: JSON, _ depth: Int = 0) -> String {
        let flat = json.text
        if flat.utf8.count <= 100, depth > 0, !(json.object ?? []).contains(where: { $0.value.object != nil && depth == 1 }) { return spaced(json) }
        let pad = String(repeating: "  ", count: depth + 1), end = "\n" + String(repeating: "  ", count: depth)
        switch json {
        case .object(let members) where !members.isEmpty:
            return "{\n" + members.map { pad + JSON.string($0.key).text + ": " + pretty($0.value, depth + 1) }.joined(separator: ",\n") + end + "}"
        case .array(let items) where !items.isEmpty: return "[\n" + items.map { pad + pretty($0, depth + 1) }.joined(separator: ",\n") + end + "]"
        default: return flat
        }
    }

    private static func spaced(_ json: JSON) -> String {
        switch json {
        case .object(let members): "{" + members.map { JSON.string($0.key).text + ": " + spaced($0.value) }.joined(separator: ", ") + "}"
        case .array(let items): "[" + items.map(spaced).joined(separator: ", ") + "]"
        default: json.text
        }
    }
}
