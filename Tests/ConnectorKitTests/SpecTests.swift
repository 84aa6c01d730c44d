import Books
import Catalog
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@Suite("What a connector states of its platform")
struct SpecTests {
    @Test("ids are distinct, in order, and found again")
    func catalog() {
        #expect(allIDs == allIDs.sorted() && Set(allIDs).count == allIDs.count && !ids.isEmpty && !fileIDs.isEmpty)
        for connector in Catalog.connectors { #expect(Catalog.byID[connector.spec.id]?.spec.id == connector.spec.id) }
        #expect(Set(sourceIDs).union(ledgerIDs) == Set(ids) && Set(fileIDs).union(ids) == Set(allIDs) && Set(fileIDs).isDisjoint(with: ids))
    }

    @Test("the id is lower-case words and hyphens, the same in the docs and in the specimens", arguments: ids)
    func id(id: String) throws {
        #expect(
            id.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 45 }
                && !id.hasPrefix("-") && !id.hasSuffix("-"))
        #expect(try text("docs/connectors/\(id).md").contains("Connector id `\(id)`"))
        let specimen = try Specimen(id)
        guard calledIDs.contains(id) else { return }
        #expect(
            !specimen.answers.isEmpty && specimen.errors.count >= 4 && specimen.errors.allSatisfy { !$0.source.isEmpty }
        )
    }

    @Test("no page and no specimen is left of a connector that is gone")
    func leftovers() throws {
        for (folder, ending, known) in [("docs/connectors", ".md", allIDs), ("Tests/ConnectorKitTests/Fixtures", ".json", ids)] {
            let names = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).filter {
                $0.hasSuffix(ending)
            }
            #expect(Set(names.map { String($0.dropLast(ending.count)) }) == Set(known), "\(folder)")
        }
    }

    @Test("it can do what its roles say", arguments: allIDs)
    func roles(id: String) throws {
        let it = try connector(id)
        #expect(!it.spec.roles.isEmpty && Set(it.spec.roles).count == it.spec.roles.count)
        #expect(it.spec.roles.contains(.source) == (it is any SourceConnector))
        #expect(it.spec.roles.contains(.ledger) == (it is any LedgerConnector))
        #expect(!it.spec.name.isEmpty)
    }

    @Test("addresses are https, of a host alone, with the account as the only blank", arguments: calledIDs)
    func addresses(id: String) throws {
        let spec = try connector(id).spec
        var all = [spec.productionBase] + [spec.sandboxBase].compactMap(\.self)
        for base in all { #expect(base.dropFirst(8).allSatisfy { $0 != "/" }, "\(base): a base ends with the host") }
        if case .oauth2(let auth) = spec.auth {
            all += [auth.authorizeURL, auth.tokenURL]
            // Below another base the path may begin otherwise; the endpoint is the same one.
            #expect(
                auth.tokenPath.hasPrefix("/")
                    && auth.tokenPath.split(separator: "/").last == auth.tokenURL.split(separator: "/").last)
            // Some platforms know none: then it is written where the rights come from.
            #expect((!auth.scopes.isEmpty || spec.sources["auth.scopes"] != nil) && Set(auth.scopes).count == auth.scopes.count)
            #expect(auth.refreshGrace >= .zero && !auth.tokenHeader.name.isEmpty)
            // Whoever consents reads what for; the page is the same one below another base.
            let consent = try #require(auth.consent, "nobody could connect it in a browser")
            #expect(consent.path.hasPrefix("/") && consent.path.split(separator: "/").last == auth.authorizeURL.split(separator: "/").last)
            #expect(!consent.access.isEmpty && consent.issuer?.hasPrefix("https://") ?? true)
            if auth.namesAccount, case .callback = consent.account {} else { #expect(!auth.namesAccount, "what names the account has to be compared with what comes back") }
        }
        if case .clientCredentials(let auth) = spec.auth {
            all.append(auth.tokenURL)
            #expect(auth.tokenPath.hasPrefix("/") && Set(auth.scopes).count == auth.scopes.count)
        }
        for address in all {
            #expect(address.hasPrefix("https://"), "\(address)")
            let rest = Address.of(address, account: "a")
            #expect(
                rest.dropFirst(8).utf8.allSatisfy {
                    ![123, 125, 63, 35, 64, 58, 32].contains($0) && $0 > 32 && $0 < 127
                }, "\(address)")
        }
    }

    @Test("numbers are sensible: limits, concurrency, batches, pages, field lengths", arguments: ids)
    func numbers(id: String) throws {
        let spec = try connector(id).spec
        #expect(spec.limits.isEmpty == spec.isInbound && Set(spec.limits.map(\.name)).count == spec.limits.count)
        for limit in spec.limits {
            #expect(limit.amount >= 1 && limit.window > .zero && !limit.name.isEmpty, "\(limit.name)")
        }
        #expect(spec.concurrency >= 1 && spec.pageSize >= 1)
        for (form, size) in spec.batchSizes { #expect(PostingForm(rawValue: form) != nil && size >= 1, "\(form)") }
        for (field, length) in spec.fieldLengths { #expect(length >= 1, "\(field)") }
    }

    @Test("the means against doing things twice can work", arguments: ids)
    func idempotency(id: String) throws {
        let means = try connector(id).spec.idempotency
        if means.searchable {
            #expect(means.findSettles > .zero, "a search right after a write proves nothing anywhere")
        }
        #expect(means.findSettles >= .zero)
        if let life = means.nativeKeyLifetime { #expect(life > .zero && means.nativeKey != nil) }
        #expect(means.nativeKey?.name.isEmpty != true)
    }

    @Test("headers of every request hold no credential", arguments: allIDs)
    func headers(id: String) throws {
        let spec = try connector(id).spec
        for name in spec.headers.keys {
            #expect(!["authorization", "cookie", "x-api-key", "proxy-authorization"].contains(name.lowercased()))
        }
        let own = Set(spec.headers.keys.map { $0.lowercased() })
        for header in spec.auth.headers { #expect(!own.contains(header.name.lowercased()), "\(header.name)") }
    }

    @Test("what a credential consists of is named, explained and used; nothing else is asked of it", arguments: ids)
    func credential(id: String) throws {
        let it = try connector(id)
        guard let parts = it.spec.auth.parts else { return }
        #expect(parts.isEmpty == it.spec.isInbound && Set(parts.map(\.name)).count == parts.count)
        for part in parts {
            #expect(part.name.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 95 }, "\(part.name)")
            #expect(part.meaning.count >= 5 && !["refresh_token", "expires_at", "parts", "session"].contains(part.name), "\(part.name)")
            #expect(try text("docs/connectors/\(id).md").contains("`\(part.name)`"), "\(part.name)")
        }
        let specimen = try Specimen(id)
        var known = Set(parts.map(\.name)), used = it.spec.auth.headers.reduce(into: Set<String>()) { $0.formUnion($1.value.names) }
        if case .session(let session) = it.spec.auth {
            let login = session.login(specimen.facts)
            #expect(!session.gives.isEmpty && known.isDisjoint(with: session.gives.map(\.name)))
            #expect(login.request.target.hasPrefix("/"))
            used.formUnion(login.blanks?.names ?? [])
            for header in login.headers { used.formUnion(header.value.names) }
            known.formUnion(session.gives.map(\.name))
        }
        for one in everyCall(it, specimen, specimen.facts) {
            used.formUnion(one.call.blanks?.names ?? [])
            for header in one.call.headers { used.formUnion(header.value.names) }
        }
        #expect(used.subtracting(known).sorted() == [], "named, and no part of the credential")
    }

    /// What needs a source, by the spec's own statements; `batch*` stands for any name that begins so.
    private func facts(_ spec: PlatformSpec) -> [String] {
        var out = spec.limits.map { "limits.\($0.name)" } + ["concurrency", "page", "idempotency", "auth"]
        if !spec.batchSizes.isEmpty { out.append("batch*") }
        if !spec.fieldLengths.isEmpty { out.append("fields") }
        if spec.idempotency.searchable { out += ["idempotency.search", "idempotency.settles"] }
        if spec.sunset != nil || !spec.endings.isEmpty { out.append("sunset") }
        if spec.roles.contains(.ledger) { out += ["tax", "errors"] }
        if spec.roles.contains(.source) { out.append("webhooks") }
        if case .oauth2 = spec.auth { out.append("auth.*") }
        return out
    }

    @Test("every limit, length and fact has its source", arguments: allIDs)
    func sources(id: String) throws {
        let spec = try connector(id).spec
        for fact in facts(spec) {
            let found =
                fact.hasSuffix("*")
                ? spec.sources.keys.first { $0.hasPrefix(fact.dropLast()) } : spec.sources[fact].map { _ in fact }
            #expect(found != nil, "no source for \(fact)")
        }
        for (name, source) in spec.sources { #expect(source.count >= 10 && !source.hasSuffix("TODO"), "\(name)") }
    }

    @Test("the version is stated, in the docs too, and is not past its end when it is new", arguments: allIDs)
    func version(id: String) throws {
        let spec = try connector(id).spec
        let last = spec.apiVersion.split { $0 == " " || $0 == "," }.last.map(String.init) ?? ""
        #expect(last.contains { $0.isNumber })
        #expect(try text("docs/connectors/\(id).md").contains(last), "\(last)")
        guard let sunset = spec.sunset else { return }
        // A version named by its month ends after it began.
        if let began = LocalDate(last + "-01") { #expect(sunset > began) }
    }

    @Test("the docs page tells settings, limits and what is not done yet", arguments: allIDs)
    func page(id: String) throws {
        let page = try text("docs/connectors/\(id).md")
        #expect(page.hasPrefix("# ") && page.contains("## Known gaps") && page.contains("| source |"))
        let it = try connector(id)
        if let settings = (it as? any SourceConnector)?.settings ?? (it as? any FileLedger)?.settings {
            for (name, meaning) in settings {
                #expect(page.contains("`\(name)`"), "\(name)")
                #expect(!meaning.isEmpty)
            }
        }
    }
}
