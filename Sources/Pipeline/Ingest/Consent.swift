internal import ConnectorKit
internal import Courier
internal import Kernel
internal import Postgres
internal import Store
internal import Wire

/// What a person's consent in a browser becomes, up to the question whether it is the right account. The tenant's worker alone trades the code: what it
/// gets is kept before it is used, and the connection's own credential is not touched before the person has said yes.
extension Pipeline {
    /// Tries to keep a token set that is nowhere else, and the pause between them.
    private static let keepsMost = 4
    private static let keepPause = Duration.milliseconds(500)

    func consent(_ subject: String, in setup: Setup) async throws(Fault) -> Result {
        guard let id = ConsentID(subject), let row = try await store.consent(tenant, id), row.expiresAt > clocks.now() else { return .done }
        let connection = try setup.connection(row.connection.description)
        guard let connector = connectors[connection.row.platform], let consent = connector.spec.oauth?.consent else { return .done }
        switch row.state {
        case "received":
            guard try await trade(row, connector, connection) else { return .done }
            // As it was kept.
            return try await self.consent(subject, in: setup)
        case "sent": try await fail(row, Pipeline.outcomeLost(connector.spec.name))
        case "granted": try await find(row, connector, consent, connection)
        default: break
        }
        return .done
    }

    private func move(_ row: ConsentRow, _ sql: SQL, _ action: String, _ fault: Fault? = nil) async throws(Fault) -> Bool {
        try await store.move(sql, ConsentMove(tenant, row.id, of: row.connection, actor: "worker", action: action, fault: fault))
    }

    private func fail(_ row: ConsentRow, _ fault: Fault) async throws(Fault) {
        _ = try await move(row, ConsentStatements.fail(tenant, row.id, fault: fault.json.bytes, from: row.state), "consent.failed", fault)
    }

    // MARK: The code

    /// Sends the code, once: that it is about to be is committed before, so that whoever comes after a crash does not send it again.
    /// Returns whether there may be a token set.
    private func trade(_ row: ConsentRow, _ connector: any Connector, _ connection: CourierConnection) async throws(Fault) -> Bool {
        let code = try read(row)
        guard try await move(row, ConsentStatements.send(tenant, row.id, back: false), "consent.sent") else { return false }
        var sent = row
        sent.state = "sent"
        switch await courier.trade(code, connector: connector, connection: connection) {
        case .issued(let credential): try await keep(credential, sent)
        case .refused: try await fail(sent, Pipeline.codeRefused(connector.spec.name))
        case .unknown: try await fail(sent, Pipeline.outcomeLost(connector.spec.name))
        case .notSent(let fault):
            _ = try await move(sent, ConsentStatements.send(tenant, row.id, back: true), "consent.not_sent", fault)
            throw fault
        }
        return true
    }

    private func read(_ row: ConsentRow) throws(Fault) -> ConsentCode {
        func part(_ name: String, _ sealed: [UInt8]?) throws(Fault) -> [UInt8]? {
            guard let sealed else { return nil }
            return try open(sealed, ConsentRow.context(name, tenant, row.id))
        }
        let json = try JSON(parsing: try part("answer", row.answer) ?? [])
        guard let code = json["code"]?.string, let client = json["client_id"]?.string, let secret = json["client_secret"]?.string,
            let back = json["redirect_uri"]?.string
        else { throw Fault("consent_unreadable", stage: .ingest, disposition: .bug, summary: "the answer that was sealed with a consent lacks a part") }
        let verifier = try part("verifier", row.verifier).map { Secret($0) }
        return ConsentCode(code: Secret(code), verifier: verifier, redirectURI: back, clientID: client, clientSecret: Secret(secret))
    }

    /// Sealed as the connection will keep it. Tried again: the token set is nowhere else.
    private func keep(_ credential: Credential, _ row: ConsentRow) async throws(Fault) {
        let sealed = try seal(credential.jsonForSealing(), Credential.context(tenant, row.connection))
        var tries = 1
        while true {
            do throws(Fault) {
                _ = try await move(row, ConsentStatements.grant(tenant, row.id, credential: sealed), "consent.granted")
                return
            } catch {
                tries += 1
                guard tries <= Pipeline.keepsMost else { throw error }
                do { try await clocks.sleep(for: Pipeline.keepPause) } catch { throw Fault.wrapping(error, stage: .ingest) }
            }
        }
    }

    // MARK: The account

    private func find(
        _ row: ConsentRow, _ connector: any Connector, _ consent: Authentication.OAuth2.Consent, _ connection: CourierConnection
    ) async throws(Fault) {
        guard let sealed = row.credential else { return }
        let credential = try Credential(json: try open(sealed, Credential.context(tenant, row.connection)))
        do throws(Fault) {
            let found = try await accounts(row, connector, consent, connection, credential)
            guard !found.isEmpty else {
                throw Fault(
                    "consent_no_account", stage: .ingest, disposition: .reject, summary: "the consent reaches no account at \(connector.spec.name)",
                    remedy: "Ask for a new link, and choose the company there before you allow the access.")
            }
            let own = connection.row.account
            let right = own.isEmpty ? found : found.filter { $0.account.lowercased() == own.lowercased() }
            guard !right.isEmpty else { throw .consentOtherAccount(found: found[0].name, expected: own) }
            _ = try await move(row, ConsentStatements.find(tenant, row.id, found: JSON.array(right.map(\.json)).bytes), "consent.found")
        } catch {
            // It is asked again, for as long as the person has time to answer.
            guard error.disposition != .retry, error.disposition != .wait else { throw error }
            try await fail(row, error)
        }
    }

    /// The accounts that the person may have meant, each as it shows itself.
    private func accounts(
        _ row: ConsentRow, _ connector: any Connector, _ consent: Authentication.OAuth2.Consent, _ connection: CourierConnection, _ credential: Credential
    ) async throws(Fault) -> [AccountIdentity] {
        func shown(_ account: String) async throws(Fault) -> AccountIdentity {
            var there = connection
            there.row.account = account
            there.facts.account = account
            return try await read(connector.identify(there.facts), connector, there, borrowed: credential)
        }
        switch consent.account {
        case .callback: return [try await shown(row.account ?? connection.row.account)]
        case .identified: return [try await shown(connection.row.account)]
        case .listed:
            let listed = try await read(connector.accounts(connection.facts), connector, connection, borrowed: credential)
            let own = connection.row.account.lowercased()
            let right = own.isEmpty ? listed : listed.filter { $0.account.lowercased() == own }
            guard !right.isEmpty else { return listed }
            var out: [AccountIdentity] = []
            for one in right {
                // One of several that does not answer must not hide the others; nor is it less of an account for it.
                do throws(Fault) { out.append(try await shown(one.account)) } catch {
                    guard right.count > 1, error.disposition != .retry, error.disposition != .wait else { throw error }
                    out.append(one)
                }
            }
            return out
        }
    }

    private static func codeRefused(_ platform: String) -> Fault {
        Fault(
            "consent_code_refused", stage: .ingest, disposition: .reject,
            summary: "\(platform) does not take the code that it gave: it is too old, used already, or not meant for us",
            remedy: "Ask for a new link and consent again.")
    }

    private static func outcomeLost(_ platform: String) -> Fault {
        Fault(
            "consent_outcome_lost", stage: .ingest, disposition: .reject,
            summary: "\(platform)'s answer to the consent was lost on its way, and a code is never sent twice",
            remedy: "Ask for a new link and consent again. Nothing was changed.")
    }
}
