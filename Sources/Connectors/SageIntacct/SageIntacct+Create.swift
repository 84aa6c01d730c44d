internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

// Documents of any kind go together in one request, each a function that succeeds or fails by itself. What settles another document as an adjustment is
// matched with it in a second request: that one needs the record number which the first gives.
extension SageIntacctConnector {
    public func batchGroup(of document: LedgerDocument) -> String { Record(document) == nil ? "unsupported" : "documents" }

    public func create(_ documents: [LedgerDocument], attempt: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]> {
        let settings: Settings
        do throws(Fault) { settings = try Settings(connection) } catch { return .finish(documents.map { _ in .rejected(error) }) }
        var making = Making(outcomes: Array(repeating: nil, count: documents.count))
        var bytes = 0
        for (index, document) in documents.enumerated() {
            do throws(Fault) {
                guard document.plan.effect == .post else {
                    throw Self.refused("void_not_created", "a document that is void was never in Sage Intacct", "Report it: nothing is to be sent.")
                }
                let content = try Self.content(of: document, settings)
                bytes += content.bytes.count
                guard bytes <= IntacctLimits.requestBytes else { throw Self.overfull }
                making.functions.append(Function(Self.controlID(document, "create"), content))
                making.indices.append(index)
            } catch {
                making.outcomes[index] = error.disposition == .reject ? .rejected(error) : .throttled(error)
            }
        }
        guard !making.functions.isEmpty else { return .finish(making.told) }
        let begun = making
        let matches = documents.contains { $0.match != nil }
        return .send(Gateway.call(.write, begun.functions, units: matches ? 2 : 1)) { response in
            var next = begun
            next.read(Answers(response))
            return self.match(documents, next, attempt: attempt)
        }
    }

    /// The same function is done once, however often it is asked for. What failed may be asked for again.
    /// - Source: developer.intacct.com, XML Requests: uniqueid.
    static func controlID(_ document: LedgerDocument, _ step: String) -> String { "\(document.key).\(document.revision).\(step)" }

    private static let overfull = Fault(
        "batch_too_large", stage: .post, disposition: .retry, summary: "the documents come to more bytes than one request to Sage Intacct may have",
        remedy: "None needed: the rest goes with the next call.")

    /// Where a create stands.
    private struct Making: Sendable {
        /// Per document; `nil` until known.
        var outcomes: [PostOutcome?]
        var functions: [Function] = []
        /// Of each function its document.
        var indices: [Int] = []

        var told: [PostOutcome] { outcomes.map { $0 ?? .unknown(SageIntacctConnector.lost("it was left out")) } }

        /// Results come by control id, in the order of the functions.
        mutating func read(_ answers: Answers?) {
            var left = answers?.results ?? []
            for (function, index) in zip(functions, indices) {
                guard let place = left.firstIndex(where: { $0.controlID == function.controlID }) else {
                    outcomes[index] = .unknown(SageIntacctConnector.lost("it leaves out the result"))
                    continue
                }
                outcomes[index] = SageIntacctConnector.outcome(left.remove(at: place))
            }
        }
    }

    /// Of one function that creates a document.
    static func outcome(_ result: Answers.Result) -> PostOutcome {
        if let problem = result.problem { return outcome(problem) }
        guard let id = result.created else { return .unknown(lost("it names no record number of what was created")) }
        return .posted(remoteID: id, version: nil)
    }

    static func outcome(_ problem: Problem) -> PostOutcome {
        switch problem.kind {
        case .duplicate: .duplicate(problem.fault)
        case .busy, .throttled: .throttled(problem.fault)
        default: .rejected(problem.fault)
        }
    }

    // MARK: Matching

    /// What Intacct does not match stays open: the adjustment stands, and whoever reads it back sees that it settles nothing.
    private func match(_ documents: [LedgerDocument], _ making: Making, attempt: String) -> Exchange<[PostOutcome]> {
        var functions: [Function] = []
        var indices: [Int] = []
        for (index, document) in documents.enumerated() {
            guard case .posted(let id, _)? = making.outcomes[index], let function = Self.matchFunction(document, id: id, attempt: attempt) else { continue }
            functions.append(function)
            indices.append(index)
        }
        guard !functions.isEmpty else { return .finish(making.told) }
        let (asked, places) = (functions, indices)
        return .send(Gateway.call(.write, asked, units: 0)) { response in
            var next = making
            let answers = Answers(response)
            for (function, index) in zip(asked, places) where answers?.result(function.controlID) == nil {
                next.outcomes[index] = .unknown(Self.lost("whether it was matched"))
            }
            return .finish(next.told)
        }
    }

    /// `nil` for what settles nothing, or can't be matched.
    static func matchFunction(_ document: LedgerDocument, id: String, attempt: String) -> Function? {
        guard let content = (try? matching(document, id: id)) ?? nil else { return nil }
        return Function(controlID(document, step(attempt)) + Asked.step, content)
    }

    /// An attempt as part of a control id.
    static func step(_ attempt: String) -> String {
        cut(String(String.UnicodeScalarView(attempt.unicodeScalars.filter { $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil) })),
            characters: IntacctLimits.attempt)
    }
}
