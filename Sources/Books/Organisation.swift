public import Kernel

/// Whether prices in the sources contain tax.
public enum TaxMode: String, Sendable, CaseIterable { case exclusive, inclusive }

/// A legal entity whose books are kept: what the planner must know of it.
public struct Organisation: Sendable, Equatable {
    public var id: String?
    public var baseCurrency: Currency
    /// ISO 3166-1 alpha-2, `GB`. Decides where tax codes sit and which template of policies applies.
    public var country: String
    /// Dates every ledger document.
    public var zone: Zone
    public var taxMode: TaxMode

    public init(id: String? = nil, baseCurrency: Currency, country: String, zone: Zone, taxMode: TaxMode) {
        self.id = id
        self.baseCurrency = baseCurrency
        self.country = country
        self.zone = zone
        self.taxMode = taxMode
    }

    /// In the US only tax lines (and exempt lines) carry a tax code; elsewhere every line does.
    public var codesSitOnLines: Bool { country != "US" }
}
