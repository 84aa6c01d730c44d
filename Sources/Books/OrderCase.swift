internal import Kernel

/// What a document did to its case.
public enum MergeOutcome: String, Sendable {
    case new
    /// Replaced an older version.
    case newer
    /// Older than, or other than but as old as, what is known: changes nothing.
    case stale
    /// Exactly what is known.
    case same
}

/// All documents of one order, accounted for together: what arrived first cannot matter.
public struct OrderCase: Sendable, Equatable {
    public let id: String
    private var byIdentity: [Identity: SourceDocument] = [:]

    public init(id: String) { self.id = id }

    public init(id: String, _ documents: some Sequence<SourceDocument>) {
        self.id = id
        for document in documents { merge(document) }
    }

    /// Keeps the highest version of each document.
    @discardableResult
    public mutating func merge(_ document: SourceDocument) -> MergeOutcome {
        let identity = Identity(document)
        guard let known = byIdentity[identity] else {
            byIdentity[identity] = document
            return .new
        }
        if document == known { return .same }
        guard document.version > known.version else { return .stale }
        byIdentity[identity] = document
        return .newer
    }

    /// In the order of their times in the source, then by kind and id.
    public var documents: [SourceDocument] {
        byIdentity.sorted { a, b in
            (a.value.at, a.key.kind.rawValue, a.key.id) < (b.value.at, b.key.kind.rawValue, b.key.id)
        }.map(\.value)
    }

    /// Two kinds may share an id: sources number their orders and refunds apart.
    private struct Identity: Hashable {
        enum Kind: Int {
            case sale, payment, refund, edit, cancellation, goodsReturn, tipPayout, payout, dispute, deposit, bankLine
            case giftCardExpiry, fulfilment, stock, registerClosure, stockLevel, bill
        }
        var kind: Kind
        var id: String

        init(_ document: SourceDocument) {
            id = document.id
            kind =
                switch document.body {
                case .sale: .sale
                case .payment: .payment
                case .refund: .refund
                case .edit: .edit
                case .cancellation: .cancellation
                case .goodsReturn: .goodsReturn
                case .tipPayout: .tipPayout
                case .payout: .payout
                case .dispute: .dispute
                case .deposit: .deposit
                case .bankLine: .bankLine
                case .giftCardExpiry: .giftCardExpiry
                case .fulfilment: .fulfilment
                case .stock: .stock
                case .registerClosure: .registerClosure
                case .stockLevel: .stockLevel
                case .bill: .bill
                }
        }
    }
}
