internal import Kernel
public import TwinKit
public import Wire

/// What the fault plan must know of the platform's requests and answers.
extension SapBusinessOneTwin {
    private static let documents = Set(B1Schema.documents + B1Schema.payments + ["JournalEntries", "Drafts", "PaymentDrafts"])

    /// Of several requests in a batch, that which writes tells.
    public func purpose(of request: HTTPRequest) -> Purpose {
        guard let (_, rest) = B1Path.split(request.path), let resource = try? B1Path.resource(rest) else { return .other }
        let isReading = request.method == .get
        switch resource {
        case .function("Login"): return isReading ? .other : .token
        case .root, .metadata, .function: return .other
        case .batch: return .write
        case .set(let name), .count(let name):
            guard Self.documents.contains(name) else { return isReading ? .other : .reference }
            guard isReading else { return .write }
            return Self.asksByKey(request, name) ? .readback : .lookup
        case .entity(let name, _), .member(let name, _, _):
            guard Self.documents.contains(name) else { return isReading ? .other : .reference }
            return isReading ? .readback : .write
        }
    }

    /// A search by the ledger's own numbers reads what is known.
    private static func asksByKey(_ request: HTTPRequest, _ name: String) -> Bool {
        guard let set = B1Schema.sets[name], let text = request.query("$filter") else { return false }
        return (try? B1FilterReader.read(text, set.type.properties, set.type.name))?.demands(Set(set.keys)) ?? false
    }

    /// The same request with a session that nobody has.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        guard let id = B1State.cookie("B1SESSION", request) else { return request }
        var revoked = request
        let given = request.fields.all("Cookie").joined(separator: "; ")
        revoked.fields["Cookie"] = given.split(separator: id, omittingEmptySubsequences: false).joined(separator: "revoked-by-the-fault-plan")
        return revoked
    }
}
