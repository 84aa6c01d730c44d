import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite struct OdooPlaceholder { @Test("the twin opens") func opens() throws { _ = try OdooTwin(journal: TwinJournal()) } }
